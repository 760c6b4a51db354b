//! `/rooms/:id/bans`: who may not come back into a group.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, put};
use axum::{Json as JsonAnswer, Router};
use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;
use chat_processor::commands::ban_member;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/rooms/{id}/bans", get(list))
        .route("/rooms/{id}/bans/{userId}", put(ban).delete(lift))
}

#[derive(Deserialize)]
struct Ban {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    until: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    user_id: UserId,
    banned_by: UserId,
    reason: String,
    until: Option<Timestamp>,
    created_at: Timestamp,
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<List<Shown>>, Problem> {
    let room: RoomId = id("id", &room)?;
    let bans = ban_member::list(&app.context, &caller.actor(&app), room).await?;
    let data = bans
        .into_iter()
        .map(|ban| Shown {
            user_id: ban.user_id,
            banned_by: ban.banned_by,
            reason: ban.reason,
            until: ban.until,
            created_at: ban.created_at,
        })
        .collect();
    Ok(JsonAnswer(List::whole(data)))
}

async fn ban(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((room, user)): Path<(String, String)>,
    Json(ban): Json<Ban>,
) -> Result<StatusCode, Problem> {
    let whom = (id("id", &room)?, id("userId", &user)?);
    let actor = caller.actor(&app);
    ban_member::run(&app.context, &actor, whom, &ban.reason, ban.until).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn lift(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((room, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (room, user) = (id("id", &room)?, id("userId", &user)?);
    ban_member::lift(&app.context, &caller.actor(&app), room, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
