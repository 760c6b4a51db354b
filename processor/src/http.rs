//! The processor's small HTTP side: health for Kubernetes, metrics for Prometheus. Nothing else is served here.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use chat_core::time::Timestamp;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::worker::health::Health;

/// What the routes show.
#[derive(Clone)]
pub struct HttpState {
    /// Whether the workers work.
    pub health: Health,
    /// All metrics.
    pub registry: Arc<Registry>,
}

/// The routes.
pub fn router(state: HttpState) -> Router {
    Router::new()
        .route("/health", get(readiness))
        .route("/health/readiness", get(readiness))
        .route("/health/liveness", get(liveness))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn liveness() -> Response {
    Json(json!({"status": "ok", "timestamp": Timestamp::now()})).into_response()
}

async fn readiness(State(state): State<HttpState>) -> Response {
    let report = state.health.report();
    let status = if report.ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report.to_json())).into_response()
}

async fn metrics(State(state): State<HttpState>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &state.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
