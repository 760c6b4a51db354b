//! `/api-docs`: the API documents, where they are shown at all.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chat_core::error::ErrorCode;
use http::header;

use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi;

const PAGE: &str = include_str!("api_docs.html");

/// The page runs its own script and talks to this gateway only.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/api-docs", get(page))
        .route("/api-docs/openapi.json", get(routes))
        .route("/api-docs/asyncapi.json", get(sockets))
}

async fn page(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    shown(&app)?;
    Ok(([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response())
}

async fn routes(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    shown(&app)?;
    Ok(Json(openapi::openapi()).into_response())
}

async fn sockets(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    shown(&app)?;
    Ok(Json(openapi::asyncapi()).into_response())
}

fn shown(app: &App) -> Result<(), Problem> {
    if app.config.shows_api_docs {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::NotFound,
        "There is nothing at this path.",
    ))
}
