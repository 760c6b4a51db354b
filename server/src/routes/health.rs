//! `/health*`: for Kubernetes and for people, without a token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chat_core::time::Timestamp;
use http::StatusCode;

use crate::app::App;
use crate::health::{self, Report};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/health", get(check))
        .route("/health/readiness", get(readiness))
        .route("/health/liveness", get(liveness))
}

async fn check(State(app): State<Arc<App>>) -> Response {
    answer(health::check(&app).await)
}

async fn readiness(State(app): State<Arc<App>>) -> Response {
    answer(health::readiness(&app).await)
}

/// Asks nobody: a process that can answer this need not be restarted.
async fn liveness() -> Response {
    Json(serde_json::json!({"status": "ok", "timestamp": Timestamp::now()})).into_response()
}

fn answer(report: Report) -> Response {
    let status = if report.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}
