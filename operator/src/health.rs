//! `/healthz`, `/readyz` and `/metrics` of the operator, and `/scaling`, where KEDA asks for the values that it scales on.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::children::{Children, ClusterKey};
use crate::clusters::Clusters;
use crate::external_metrics::{Metric, work};
use crate::readings::Readings;

/// What the routes look at.
#[derive(Debug, Clone)]
pub struct Health {
    /// Ready means that the watches have listed everything; a second operator that does not lead is ready too.
    pub children: Arc<Children>,
    /// What `/metrics` shows.
    pub registry: Arc<Registry>,
    /// What `/scaling` answers from.
    pub readings: Arc<Readings>,
    /// Which ChatClusters there are.
    pub clusters: Clusters,
}

/// Serves the routes until `stop`.
///
/// # Errors
/// When the address can't be listened on.
pub async fn serve(
    address: SocketAddr,
    health: Health,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/scaling/{namespace}/{cluster}/{metric}", get(scaling))
        .with_state(health);
    let listener = TcpListener::bind(address).await?;
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// A value that is not known is an error, never 0: KEDA then falls back as it was told.
async fn scaling(
    State(health): State<Health>,
    Path((namespace, cluster, metric)): Path<(String, String, String)>,
) -> Response {
    let Some(metric) = Metric::named(&metric) else {
        return (StatusCode::NOT_FOUND, "there is no such metric").into_response();
    };
    let key = ClusterKey {
        namespace,
        name: cluster,
    };
    let found = health
        .clusters
        .in_namespace(&key.namespace)
        .into_iter()
        .find(|(known, _)| *known == key);
    let value = found.and_then(|(_, guarded)| {
        let spec = &guarded.0.as_ref().ok()?.spec;
        work(metric, &key, spec, &health.readings, &health.children)
    });
    match value {
        Some(value) => Json(serde_json::json!({ "value": value })).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the value is not known").into_response(),
    }
}

async fn ready(State(health): State<Health>) -> Response {
    if health.children.is_complete() {
        "ok".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the watches have not listed everything yet",
        )
            .into_response()
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &health.registry) {
        Ok(()) => (
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "The metrics can't be encoded.");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
