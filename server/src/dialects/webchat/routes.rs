//! `/api/chats` and `/api/users`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json as JsonAnswer, Router};
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::client::RoomCreate;
use chat_core::protocol::objects::RoomType;
use chat_core::time::Timestamp;
use chat_processor::commands::history::{self, Query};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::objects::{Chat, ChatMessage};
use super::people;
use crate::app::App;
use crate::dialects::rosters;
use crate::dialects::spelling;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::http::problem::Problem;
use crate::routes::rooms;

pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/api/chats", get(list).post(create))
        .route("/api/chats/{id}", get(show))
        .route("/api/chats/{id}/messages", get(page))
        .route("/api/users", get(users))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewChat {
    #[serde(default)]
    participant_ids: Option<Vec<String>>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    title: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: UserId,
    name: String,
    username: String,
    email: String,
    is_online: bool,
    created_at: Timestamp,
    status: Status,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    is_online: bool,
    last_seen: Option<Timestamp>,
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(chat): Json<NewChat>,
) -> Result<(StatusCode, JsonAnswer<Chat>), Problem> {
    let (name, (kind, member_ids)) = match (chat.participant_ids, chat.user_id) {
        (Some(ids), _) => {
            let members = spelling::participants(caller.identity.user_id, ids, None);
            ("participantIds", members)
        }
        (None, Some(id)) => ("userId", (RoomType::Dm, vec![id])),
        (None, None) => {
            return Err(Refusal::invalid("participantIds", "missing", "is missing").into());
        }
    };
    let create = RoomCreate {
        kind,
        member_ids,
        title: chat.title,
        description: None,
        avatar_url: None,
        join_policy: None,
    };
    let (status, room) = rooms::make(&app, &caller.actor(&app), create)
        .await
        .map_err(|refusal| spelling::renamed(refusal, "memberIds", name))?;
    let members = rosters::of(&app, room.id).await?;
    Ok((status, JsonAnswer(Chat::new(room, members))))
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<Vec<Chat>>, Problem> {
    let (rooms, _) = rooms::page(&app, &caller, None, rooms::MOST_OF_A_LIST).await?;
    Ok(JsonAnswer(rosters::with(&app, rooms, Chat::new).await?))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<Chat>, Problem> {
    let room: RoomId = id("chatId", &room)?;
    let room = rooms::of_member(&app, room, caller.identity.user_id).await?;
    let members = rosters::of(&app, room.id).await?;
    Ok(JsonAnswer(Chat::new(room, members)))
}

async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    params: Params,
) -> Result<JsonAnswer<Vec<ChatMessage>>, Problem> {
    let room: RoomId = id("chatId", &room)?;
    let query = Query {
        after_seq: params.parsed("after_seq")?,
        before_seq: params.parsed("before_seq")?,
        limit: Some(
            params
                .parsed("limit")?
                .unwrap_or(limits::HISTORY_MAX.into()),
        ),
        full: true,
    };
    let history = history::run(&app.context, caller.identity.user_id, room, &query).await?;
    let messages = history.page.messages.into_iter().map(Into::into);
    Ok(JsonAnswer(messages.collect()))
}

async fn users(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<Vec<Listed>>, Problem> {
    let people = people::list(&app, &caller.actor(&app)).await?;
    let listed = people.into_iter().map(|person| Listed {
        is_online: person.is_online(),
        status: Status {
            is_online: person.is_online(),
            last_seen: person.presence.last_seen,
        },
        id: person.user.id,
        name: person.user.name,
        username: person.user.username,
        email: person.email,
        created_at: person.user.created_at,
    });
    Ok(JsonAnswer(listed.collect()))
}
