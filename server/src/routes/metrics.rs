//! `/metrics`: the Prometheus text.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chat_core::error::ErrorCode;
use http::{HeaderMap, header};

use crate::app::App;
use crate::http::problem::Problem;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(export))
}

async fn export(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let wants_open_metrics = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/openmetrics-text"));
    let (media_type, text) = if wants_open_metrics {
        (OPEN_METRICS, app.metrics.open_metrics())
    } else {
        (PROMETHEUS, app.metrics.prometheus_text())
    };
    let text = text.map_err(|error| {
        tracing::error!(%error, "the metrics could not be encoded");
        Problem::new(ErrorCode::Internal, "The metrics could not be encoded.")
    })?;
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}
