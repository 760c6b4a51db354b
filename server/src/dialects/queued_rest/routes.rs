//! `/chats`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json as JsonAnswer, Router};
use chat_backends::postgres::messages;
use chat_core::error::Refusal;
use chat_core::ids::{JobId, RoomId, kind};
use chat_core::protocol::client::{MessageSend, RoomCreate};
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::history::{self, Query};
use chat_processor::commands::send_message::{self, Checked};
use chat_processor::failure::unavailable;
use http::StatusCode;
use serde::Serialize;

use super::objects::{Chat, NewChat, QueuedMessage, Send};
use crate::app::App;
use crate::dialects::rosters;
use crate::dialects::spelling;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::http::problem::Problem;
use crate::routes::rooms;

pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/chats", get(list).post(create))
        .route("/chats/{id}", get(show))
        .route("/chats/{id}/messages", get(page).post(send))
}

/// The answer to a send; it must have no other member.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    broker_message_id: JobId,
    client_message_id: String,
}

#[derive(Serialize)]
struct Listed<T, M> {
    data: Vec<T>,
    meta: M,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChatsMeta {
    limit: u32,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessagesMeta {
    limit: u32,
    has_more: bool,
    next_after_sequence: i64,
    last_sequence: i64,
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(chat): Json<NewChat>,
) -> Result<(StatusCode, JsonAnswer<Chat>), Problem> {
    let (kind, member_ids) =
        spelling::participants(caller.identity.user_id, chat.participant_ids, chat.is_group);
    let create = RoomCreate {
        kind,
        member_ids,
        title: chat.name,
        description: None,
        avatar_url: None,
        join_policy: None,
    };
    let (status, room) = rooms::make(&app, &caller.actor(&app), create)
        .await
        .map_err(|refusal| spelling::renamed(refusal, "memberIds", "participantIds"))
        .map_err(|refusal| spelling::renamed(refusal, "title", "name"))?;
    let members = rosters::of(&app, room.id).await?;
    Ok((status, JsonAnswer(Chat::new(room, members))))
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<JsonAnswer<Listed<Chat, ChatsMeta>>, Problem> {
    let limit = params.limit(rooms::PAGE_DEFAULT, rooms::PAGE_MOST)?;
    let after = params.parsed("cursor")?;
    let (rooms, next) = rooms::page(&app, &caller, after, limit).await?;
    let data = rosters::with(&app, rooms, Chat::new).await?;
    Ok(JsonAnswer(Listed {
        data,
        meta: ChatsMeta {
            limit,
            next_cursor: next.map(|cursor| cursor.to_string()),
        },
    }))
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

async fn send(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(body): Json<Send>,
) -> Result<(StatusCode, JsonAnswer<Accepted>), Problem> {
    let send = MessageSend {
        room_id: id("chatId", &room)?,
        content: Some(body.content),
        client_msg_id: body.client_message_id.map(client_message_id).transpose()?,
        kind: None,
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments: vec![],
    };
    let (room, given) = (send.room_id, send.client_msg_id.is_some());
    let actor = caller.actor(&app);
    let checked = send_message::check(&app.context, &actor, send).await?;
    let first = if given {
        first_job(&app, &actor, room, &checked).await?
    } else {
        checked.first_job
    };
    app.dispatcher.dispatch(checked.job).await?;
    let accepted = Accepted {
        broker_message_id: first,
        client_message_id: checked.client_msg_id,
    };
    Ok((StatusCode::ACCEPTED, JsonAnswer(accepted)))
}

/// The client's id as it wrote it: it gets it back.
fn client_message_id(given: String) -> Result<String, Refusal> {
    let path = "clientMessageId";
    let is_uuid = given.len() == 36 && id::<kind::Message>(path, &given).is_ok();
    is_uuid
        .then_some(given)
        .ok_or_else(|| Refusal::invalid(path, "invalid_id", "is not an id (UUID)"))
}

/// The job of the first send under the client's id: Redis remembers it for a day, Postgres for good.
async fn first_job(
    app: &App,
    actor: &Actor,
    room: RoomId,
    checked: &Checked,
) -> Result<JobId, Refusal> {
    if checked.first_job != checked.job.job_id {
        return Ok(checked.first_job);
    }
    let away = |error: sqlx::Error| unavailable(&error);
    let mut connection = app.context.pg.acquire().await.map_err(away)?;
    let (sender, id) = (actor.user_id, &checked.client_msg_id);
    let stored =
        messages::by_client_msg_id(&mut connection, room, sender, id, Timestamp::now()).await;
    Ok(stored
        .map_err(away)?
        .map_or(checked.first_job, |(_, job)| job))
}

async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    params: Params,
) -> Result<JsonAnswer<Listed<QueuedMessage, MessagesMeta>>, Problem> {
    let room: RoomId = id("chatId", &room)?;
    let query = Query {
        after_seq: params.parsed("after_seq")?,
        before_seq: params.parsed("before_seq")?,
        limit: params.parsed("limit")?,
        full: true,
    };
    let history = history::run(&app.context, caller.identity.user_id, room, &query).await?;
    Ok(JsonAnswer(Listed {
        data: history.page.messages.into_iter().map(Into::into).collect(),
        meta: MessagesMeta {
            limit: history.limit,
            has_more: history.page.has_more,
            next_after_sequence: history.page.next_after_seq,
            last_sequence: history.page.last_seq,
        },
    }))
}
