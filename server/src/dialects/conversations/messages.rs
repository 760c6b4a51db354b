//! `/api/messages/conversations/:id`: sending, reading, and how far one has read.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderName;
use axum::routing::{get, post};
use axum::{Json as JsonAnswer, Router};
use chat_backends::postgres::receipts;
use chat_core::error::Refusal;
use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::client::MessageSend;
use chat_core::protocol::objects::preview;
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::history::{self, Query};
use chat_processor::commands::read::{self, UpTo};
use chat_processor::commands::{access, message_access};
use chat_processor::failure::unavailable;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::objects::ConversationMessage;
use crate::app::App;
use crate::dialects::spelling;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::http::problem::Problem;
use crate::sending::{self, Sent};

/// Whether there are more messages in the direction of paging.
const HAS_MORE: HeaderName = HeaderName::from_static("x-has-more");
/// The seq to page on after.
const NEXT_SEQ: HeaderName = HeaderName::from_static("x-next-seq");

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/{id}/messages", get(page).post(send))
        .route("/{id}/messages/{message_id}", get(show))
        .merge(read_router())
}

/// The read position; clients look for it beside the messages and beside the rooms.
pub(super) fn read_router() -> Router<Arc<App>> {
    Router::new().route("/{id}/read", post(advance).get(position))
}

#[derive(Deserialize)]
struct Body {
    body: String,
    #[serde(default)]
    client_msg_id: Option<String>,
}

#[derive(Deserialize)]
struct Read {
    #[serde(alias = "seq")]
    last_read_seq: i64,
}

#[derive(Serialize)]
struct Position {
    user_id: UserId,
    conversation_id: RoomId,
    last_read_seq: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Answers once the message is stored, or says by 202 that it will be.
async fn send(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, JsonAnswer<ConversationMessage>), Problem> {
    let send = MessageSend {
        room_id: id("id", &room)?,
        content: Some(body.body),
        client_msg_id: body.client_msg_id,
        kind: None,
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments: vec![],
    };
    let sent = sending::and_wait(&app, &caller.actor(&app), send)
        .await
        .map_err(|refusal| spelling::renamed(refusal, "clientMsgId", "client_msg_id"))?;
    Ok(match sent {
        Sent::Stored(message) => (StatusCode::CREATED, JsonAnswer((*message).into())),
        Sent::Queued(queued) => {
            let (preview, has_more) = preview(&queued.content);
            let answer = ConversationMessage {
                conversation_id: queued.room_id,
                message_id: queued.message_id,
                seq: None,
                sender_id: caller.identity.user_id,
                created_at: queued.created_at,
                body: Some(queued.content),
                preview,
                has_more,
            };
            (StatusCode::ACCEPTED, JsonAnswer(answer))
        }
    })
}

type Page = (
    [(HeaderName, String); 2],
    JsonAnswer<Vec<ConversationMessage>>,
);

async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    params: Params,
) -> Result<Page, Problem> {
    let room: RoomId = id("id", &room)?;
    let query = Query {
        after_seq: params.parsed("after_seq")?,
        before_seq: params.parsed("before_seq")?,
        limit: Some(
            params
                .parsed("limit")?
                .unwrap_or(limits::HISTORY_MAX.into()),
        ),
        full: is_full(&params),
    };
    let page = history::run(&app.context, caller.identity.user_id, room, &query)
        .await?
        .page;
    let headers = [
        (HAS_MORE, page.has_more.to_string()),
        (NEXT_SEQ, page.next_after_seq.to_string()),
    ];
    let messages = page.messages.into_iter().map(Into::into).collect();
    Ok((headers, JsonAnswer(messages)))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((room, message)): Path<(String, String)>,
    params: Params,
) -> Result<JsonAnswer<ConversationMessage>, Problem> {
    let room: RoomId = id("id", &room)?;
    let message: MessageId = id("messageId", &message)?;
    let viewer = caller.identity.user_id;
    access::require_member(&app.context, room, viewer).await?;
    let message = message_access::view(&app.context, viewer, message).await?;
    if message.room_id != room {
        return Err(message_access::message_not_found().into());
    }
    let mut shown = ConversationMessage::from(message);
    shown.body = shown.body.filter(|_| is_full(&params));
    Ok(JsonAnswer(shown))
}

fn is_full(params: &Params) -> bool {
    params.text("fields") == Some("full")
}

async fn advance(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(Read { last_read_seq }): Json<Read>,
) -> Result<(StatusCode, JsonAnswer<Position>), Problem> {
    let room: RoomId = id("id", &room)?;
    let actor: Actor = caller.actor(&app);
    read::run(&app.context, &actor, UpTo::Seq(room, last_read_seq))
        .await
        .map_err(|refusal| spelling::renamed(refusal, "seq", "last_read_seq"))?;
    let position = read_position(&app, room, actor.user_id).await?;
    Ok((StatusCode::CREATED, JsonAnswer(position)))
}

async fn position(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<Position>, Problem> {
    let room: RoomId = id("id", &room)?;
    let user = caller.identity.user_id;
    access::require_member(&app.context, room, user).await?;
    Ok(JsonAnswer(read_position(&app, room, user).await?))
}

async fn read_position(app: &App, room: RoomId, user: UserId) -> Result<Position, Refusal> {
    let state = receipts::read_state(&app.context.pg, room, user)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(access::not_member)?;
    Ok(Position {
        user_id: user,
        conversation_id: room,
        last_read_seq: state.last_read_seq,
        created_at: state.created_at,
        updated_at: state.updated_at,
    })
}
