//! `/rooms/:id/read` and `/unread`: how far the caller has read.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json as JsonAnswer, Router};
use chat_core::ids::RoomId;
use chat_processor::commands::read::{self, UpTo};
use chat_processor::commands::unread;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/rooms/{id}/read", post(advance))
        .route("/unread", get(unread))
}

#[derive(Deserialize)]
struct Seq {
    seq: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Position {
    last_read_seq: i64,
    unread: i64,
}

#[derive(Serialize)]
struct Unread {
    total: i64,
    rooms: Vec<UnreadRoom>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnreadRoom {
    room_id: RoomId,
    unread: i64,
    mentions: i64,
}

async fn advance(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(Seq { seq }): Json<Seq>,
) -> Result<JsonAnswer<Position>, Problem> {
    let room: RoomId = id("id", &room)?;
    let position = read::run(&app.context, &caller.actor(&app), UpTo::Seq(room, seq)).await?;
    Ok(JsonAnswer(Position {
        last_read_seq: position.last_read_seq,
        unread: position.unread,
    }))
}

async fn unread(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<Unread>, Problem> {
    let counts = unread::run(&app.context, &caller.actor(&app)).await?;
    let rooms = counts
        .rooms
        .into_iter()
        .map(|room| UnreadRoom {
            room_id: room.room_id,
            unread: room.unread,
            mentions: room.mentions,
        })
        .collect();
    Ok(JsonAnswer(Unread {
        total: counts.total,
        rooms,
    }))
}
