//! `/chat/messages`, the pages of a conversation, the caller's rooms, who is online.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::client::{DeleteScope, MessageDelete, MessageEdit};
use chat_core::protocol::objects::Message;
use chat_processor::commands::history::{self, Query};
use chat_processor::commands::{delete_message, edit_message, message_access};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::conversations;
use super::envelope::{Answer, Envelope};
use super::paging::Page;
use crate::app::App;
use crate::dialects::chatchit::messages::{SendMessage, canonical, own_words};
use crate::dialects::chatchit::objects::{ChatchitMessage, Scene};
use crate::dialects::chatchit::people;
use crate::dialects::facts::Known;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::http::problem::Problem;
use crate::sending::{self, Sent};

/// Default size of a page.
const PAGE: u32 = 50;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/chat/messages", post(send))
        .route("/chat/messages/{id}", get(show).put(edit).delete(delete))
        .route("/chat/conversations/{id}/messages", get(newest_first))
        .route("/chat/users/{id}/rooms", get(rooms))
        .route("/chat/online-users", get(online))
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

/// The stored message, or 202 if that takes too long.
async fn send(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(send): Json<SendMessage>,
) -> Answer {
    let actor = caller.actor(&app);
    let send = canonical(&app, &actor, send).await?;
    let guid = send.client_msg_id.clone();
    match sending::and_wait(&app, &actor, send)
        .await
        .map_err(own_words)?
    {
        Sent::Stored(message) => {
            let room = message.room_id;
            let shown = shown(&app, actor.user_id, room, vec![*message]).await;
            Ok(Envelope::created(&shown.first()))
        }
        Sent::Queued(queued) => {
            let queued = json!({
                "id": queued.message_id,
                "guid": guid,
                "conversationId": queued.room_id,
                "content": queued.content,
                "createdAt": queued.created_at,
            });
            Ok(Envelope::with(StatusCode::ACCEPTED, &queued))
        }
    }
}

async fn show(State(app): State<Arc<App>>, caller: Caller, Path(message): Path<String>) -> Answer {
    let message: MessageId = id("id", &message)?;
    message_access::of_message_or_tombstone(&app.context, &caller.actor(&app), message).await?;
    let viewer = caller.identity.user_id;
    let message = message_access::view(&app.context, viewer, message).await?;
    let shown = shown(&app, viewer, message.room_id, vec![message]).await;
    Ok(Envelope::ok(&shown.first()))
}

async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(message): Path<String>,
    Json(Content { content }): Json<Content>,
) -> Answer {
    let edit = MessageEdit {
        message_id: id("id", &message)?,
        content,
    };
    let edited = edit_message::run(&app.context, &caller.actor(&app), edit).await?;
    let room = edited.room_id;
    let shown = shown(&app, caller.identity.user_id, room, vec![edited]).await;
    Ok(Envelope::ok(&shown.first()))
}

async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(message): Path<String>,
) -> Result<StatusCode, Problem> {
    let delete = MessageDelete {
        message_id: id("id", &message)?,
        scope: DeleteScope::All,
    };
    delete_message::run(&app.context, &caller.actor(&app), delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn newest_first(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    params: Params,
) -> Answer {
    let room: RoomId = id("id", &room)?;
    let page = Page::of(&params, "limit", PAGE)?;
    let (mut messages, total) = self::page(&app, caller.identity.user_id, room, page).await?;
    messages.reverse();
    let meta = json!({
        "total": total,
        "page": page.number,
        "limit": page.size,
        "totalPages": page.pages(total),
    });
    Ok(Envelope::ok(&messages).beside("meta", meta))
}

/// A page of a conversation, counted from its end, ascending; and how many messages there are. `seq` has no gaps, so
/// that a page's place is known without counting.
pub(super) async fn page(
    app: &App,
    viewer: UserId,
    room: RoomId,
    page: Page,
) -> Result<(Vec<ChatchitMessage>, u64), Refusal> {
    let query = |before_seq, limit| Query {
        after_seq: None,
        before_seq,
        limit: Some(limit),
        full: true,
    };
    let size = i64::from(page.size.min(limits::HISTORY_MAX));
    let newest = history::run(&app.context, viewer, room, &query(None, size)).await?;
    let total = newest.page.last_seq;
    let found = if page.number == 1 {
        newest.page.messages
    } else {
        let skip = i64::try_from(page.skip()).unwrap_or(i64::MAX);
        match total.saturating_sub(skip) {
            end if end < 1 => Vec::new(),
            end => {
                let query = query(Some(end + 1), size.min(end));
                history::run(&app.context, viewer, room, &query)
                    .await?
                    .page
                    .messages
            }
        }
    };
    let shown = shown(app, viewer, room, found).await;
    Ok((shown, u64::try_from(total).unwrap_or_default()))
}

/// Messages of a room as `viewer` sees them.
pub(super) async fn shown(
    app: &App,
    viewer: UserId,
    room: RoomId,
    messages: Vec<Message>,
) -> Vec<ChatchitMessage> {
    let senders: Vec<UserId> = messages.iter().map(|message| message.sender_id).collect();
    app.facts.ensure(&app.context.pg, &senders, &[room]).await;
    let known = Known::of(&app.facts);
    let place = known.place(room);
    messages
        .into_iter()
        .map(|message| {
            let scene = Scene::of(room, place, Some(viewer));
            let sender = known.person(message.sender_id);
            ChatchitMessage::of(message, scene, sender)
        })
        .collect()
}

async fn rooms(State(app): State<Arc<App>>, caller: Caller, Path(user): Path<String>) -> Answer {
    let user: UserId = id("id", &user)?;
    if user != caller.identity.user_id {
        let message = "Only your own rooms are yours to see.";
        return Err(Problem::new(ErrorCode::Forbidden, message));
    }
    let rooms = conversations::all_of(&app, user).await?;
    Ok(Envelope::ok(
        &conversations::shown(&app, user, rooms).await?,
    ))
}

async fn online(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    let users = people::online_contacts(&app, caller.identity.user_id).await?;
    Ok(Envelope::ok(&json!({"users": users})))
}
