//! `/chat/performance/*`, `/chat/queue/stats`, `/chat/cache/stats`, `/chat/health`: how the chat is doing, as older
//! dashboards ask for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chat_backends::rabbitmq::depth::{Depth, Depths};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::names;
use chat_core::protocol::objects::UserRole;
use chat_core::time::Timestamp;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::envelope::merged;
use crate::http::problem::Problem;
use crate::monitoring::{self, Alert, CacheStats, Performance, Sample, Verdict};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/chat/performance/dashboard", get(dashboard))
        .route("/chat/performance/metrics", get(metrics))
        .route("/chat/queue/stats", get(queues))
        .route("/chat/cache/stats", get(cache))
        .route("/chat/health", get(health))
        .route("/chat/performance/health", get(performance_health))
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Dashboard {
    timestamp: Timestamp,
    performance: Performance,
    queue_stats: QueueStats,
    cache_stats: CacheStats,
    recommendations: Vec<&'static str>,
    recent_alerts: Vec<Alert>,
}

#[derive(Serialize, JsonSchema)]
struct Metrics {
    current: Option<Sample>,
    recent: Vec<Sample>,
    recommendations: Vec<&'static str>,
}

#[derive(Serialize, JsonSchema)]
struct QueueStats {
    connected: bool,
    queues: BTreeMap<&'static str, QueueFigures>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct QueueFigures {
    message_count: u64,
    consumer_count: u64,
}

#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
    redis: bool,
    database: bool,
}

type Answer = Result<(StatusCode, Json<Value>), Problem>;

async fn dashboard(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    allowed(&app, &caller)?;
    let sample = monitoring::take(&app, &mut None).await;
    let high = app.config.shedding.high;
    let dashboard = Dashboard {
        timestamp: sample.timestamp,
        performance: Performance::of(&sample, high),
        queue_stats: queue_stats(&app),
        recommendations: monitoring::recommendations(&sample, high),
        cache_stats: sample.cache_stats,
        recent_alerts: app.monitoring.alerts(),
    };
    merged(StatusCode::OK, "OK", &dashboard)
}

async fn metrics(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    allowed(&app, &caller)?;
    let recent = app.monitoring.samples();
    let current = recent.last().cloned();
    let recommendations = current.as_ref().map_or_else(Vec::new, |sample| {
        monitoring::recommendations(sample, app.config.shedding.high)
    });
    let metrics = Metrics {
        current,
        recent,
        recommendations,
    };
    merged(StatusCode::OK, "OK", &metrics)
}

async fn queues(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    allowed(&app, &caller)?;
    merged(StatusCode::OK, "OK", &queue_stats(&app))
}

async fn cache(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    allowed(&app, &caller)?;
    merged(StatusCode::OK, "OK", &monitoring::cache(&app).await)
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let sample = monitoring::take(&app, &mut None).await;
    let (redis, database) = (
        sample.system_health.redis_connected,
        sample.system_health.database_connected,
    );
    let (code, status) = if redis && database {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "error")
    };
    let health = Health {
        status,
        redis,
        database,
    };
    (code, Json(health)).into_response()
}

async fn performance_health(State(app): State<Arc<App>>) -> Response {
    let sample = monitoring::take(&app, &mut None).await;
    let performance = Performance::of(&sample, app.config.shedding.high);
    let code = match performance.status {
        Verdict::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        Verdict::Healthy | Verdict::Degraded => StatusCode::OK,
    };
    (code, Json(performance)).into_response()
}

fn allowed(app: &App, caller: &Caller) -> Result<(), Refusal> {
    if app.config.monitoring_for_admins_only && caller.identity.role != UserRole::Admin {
        let message = "Only administrators may read this.";
        return Err(Refusal::new(ErrorCode::Forbidden, message));
    }
    Ok(())
}

/// By the canonical names, whatever the queues are called in the broker.
fn queue_stats(app: &App) -> QueueStats {
    let depths: Depths = app.shedding.depths().unwrap_or_default();
    let figures = |depth: Depth| QueueFigures {
        message_count: depth.ready,
        consumer_count: depth.consumers,
    };
    QueueStats {
        connected: app.dispatcher.publisher().is_healthy(),
        queues: BTreeMap::from([
            (names::HIGH, figures(depths.high)),
            (names::MEDIUM, figures(depths.medium)),
            (names::LOW, figures(depths.low)),
            (names::DLQ, figures(depths.dead)),
        ]),
    }
}
