//! `/reports`: telling the moderators.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json as JsonAnswer, Router};
use chat_core::ids::ReportId;
use chat_core::protocol::client::Report;
use chat_processor::commands::report;
use http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::Json;
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/reports", post(create))
}

#[derive(Serialize)]
struct Taken {
    id: ReportId,
    status: &'static str,
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(report): Json<Report>,
) -> Result<(StatusCode, JsonAnswer<Taken>), Problem> {
    let id = report::run(&app.context, &caller.actor(&app), report).await?;
    let taken = Taken {
        id,
        status: "pending",
    };
    Ok((StatusCode::CREATED, JsonAnswer(taken)))
}
