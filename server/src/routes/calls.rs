//! `/calls`: what was called, and the relays for the next call.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use chat_backends::postgres::calls;
use chat_core::ids::{CallId, RoomId};
use chat_core::protocol::objects::Call;
use chat_core::time::Timestamp;
use chat_processor::commands::{access, call};
use chat_processor::failure::unavailable;

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Params, id};
use crate::http::problem::Problem;
use crate::turn::Credentials;

/// Default and most calls of a page.
const PAGE_DEFAULT: u32 = 50;
const PAGE_MOST: u32 = 200;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/calls/turn-credentials", get(turn_credentials))
        .route("/calls/{id}", get(show))
        .route("/rooms/{id}/calls", get(of_room))
}

async fn turn_credentials(State(app): State<Arc<App>>, caller: Caller) -> Json<Credentials> {
    let user = caller.identity.user_id;
    Json(app.config.turn.credentials(user, Timestamp::now()))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(call): Path<String>,
) -> Result<Json<Call>, Problem> {
    let call: CallId = id("id", &call)?;
    Ok(Json(
        call::view(&app.context, &caller.actor(&app), call).await?,
    ))
}

async fn of_room(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    params: Params,
) -> Result<Json<List<Call>>, Problem> {
    let room: RoomId = id("id", &room)?;
    let limit = params.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let before = params
        .text("cursor")
        .map(|cursor| id("cursor", cursor))
        .transpose()?;
    access::require_member(&app.context, room, caller.identity.user_id).await?;
    let mut connection = app
        .context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    let data = calls::of_room(&mut connection, room, before, limit)
        .await
        .map_err(|error| unavailable(&error))?;
    let is_full = u32::try_from(data.len()).is_ok_and(|count| count == limit);
    let next_cursor = data
        .last()
        .filter(|_| is_full)
        .map(|last| last.id.to_string());
    Ok(Json(List { data, next_cursor }))
}
