//! `/rooms/:id/draft` and `/drafts`: what the caller began to write.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json as JsonAnswer, Router};
use chat_backends::postgres::drafts;
use chat_core::ids::RoomId;
use chat_core::time::Timestamp;
use chat_processor::commands::draft;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/rooms/{id}/draft", get(show).put(keep).delete(forget))
        .route("/drafts", get(list))
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Draft {
    room_id: RoomId,
    content: String,
    updated_at: Option<Timestamp>,
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<Draft>, Problem> {
    let room: RoomId = id("id", &room)?;
    let draft = draft::of_room(&app.context, &caller.actor(&app), room).await?;
    Ok(JsonAnswer(draft.map_or_else(
        || Draft {
            room_id: room,
            content: String::new(),
            updated_at: None,
        },
        Draft::from,
    )))
}

async fn keep(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(Content { content }): Json<Content>,
) -> Result<JsonAnswer<Draft>, Problem> {
    let room = id("id", &room)?;
    let draft = draft::set(&app.context, &caller.actor(&app), room, &content).await?;
    Ok(JsonAnswer(draft.into()))
}

async fn forget(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    let room = id("id", &room)?;
    draft::set(&app.context, &caller.actor(&app), room, "").await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<List<Draft>>, Problem> {
    let drafts = draft::list(&app.context, &caller.actor(&app)).await?;
    let data = drafts.into_iter().map(Draft::from).collect();
    Ok(JsonAnswer(List::whole(data)))
}

impl From<drafts::Draft> for Draft {
    fn from(draft: drafts::Draft) -> Self {
        Self {
            room_id: draft.room_id,
            content: draft.content,
            updated_at: Some(draft.updated_at),
        }
    }
}
