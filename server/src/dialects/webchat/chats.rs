//! `chat:*`: which chats a socket looks at, and what is in them.

use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::client::RoomCreate;
use chat_core::protocol::objects::RoomType;
use chat_processor::commands::history::{self, Query};
use chat_processor::commands::{access, mark_delivered, pin_message};
use serde::{Deserialize, Serialize};

use super::objects::ChatMessage;
use crate::delivery::views;
use crate::dialects::spelling;
use crate::routes::rooms;
use crate::sockets::events::{Answer, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chat {
    chat_id: RoomId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct With {
    recipient_id: UserId,
}

#[derive(Serialize)]
struct Joined {
    status: &'static str,
    message: &'static str,
}

#[derive(Serialize)]
struct Left {
    success: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    chat_id: RoomId,
    messages: Vec<ChatMessage>,
}

#[derive(Serialize)]
struct Pinned {
    status: &'static str,
    messages: Vec<ChatMessage>,
}

/// Lets the socket hear a chat's messages. Whether its user is a member is checked already.
pub(super) fn view(call: &Call<'_>, chat: RoomId) -> Result<(), Refusal> {
    if call.client.view(chat) || call.client.views(chat) {
        return Ok(());
    }
    let message = "This connection has joined too many chats. Leave some of them first.";
    Err(Refusal::new(ErrorCode::ValidationFailed, message))
}

pub(super) async fn join(call: &Call<'_>) -> Result<Answer, Refusal> {
    let Chat { chat_id } = call.parse()?;
    let (context, actor) = (&call.app.context, call.actor());
    access::require_member(context, chat_id, actor.user_id).await?;
    view(call, chat_id)?;
    // What was missed until now counts as delivered: the client fetches it when it joins.
    mark_delivered::run(context, &actor, mark_delivered::UpTo::Head(chat_id)).await?;
    Answer::now(&Joined {
        status: "ok",
        message: "Joined chat room successfully",
    })
}

/// Leaves the live view with all of the user's sockets, not the chat.
pub(super) async fn leave(call: &Call<'_>) -> Result<Answer, Refusal> {
    let Chat { chat_id } = call.parse()?;
    let user = call.client.user_id;
    access::require_member(&call.app.context, chat_id, user).await?;
    views::close(call.app, user, chat_id).await?;
    Answer::now(&Left { success: true })
}

pub(super) async fn get(call: &Call<'_>) -> Result<Answer, Refusal> {
    let With { recipient_id } = call.parse()?;
    let actor = call.actor();
    let create = RoomCreate {
        kind: RoomType::Dm,
        member_ids: vec![recipient_id.to_string()],
        title: None,
        description: None,
        avatar_url: None,
        join_policy: None,
    };
    let (_, room) = rooms::make(call.app, &actor, create)
        .await
        .map_err(|refusal| spelling::renamed(refusal, "memberIds", "recipientId"))?;
    let query = Query {
        limit: Some(limits::HISTORY_MAX.into()),
        full: true,
        ..Query::default()
    };
    let history = history::run(&call.app.context, actor.user_id, room.id, &query).await?;
    Answer::now(&Opened {
        chat_id: room.id,
        messages: history.page.messages.into_iter().map(Into::into).collect(),
    })
}

pub(super) async fn pinned(call: &Call<'_>) -> Result<Answer, Refusal> {
    let Chat { chat_id } = call.parse()?;
    let pinned = pin_message::list(&call.app.context, call.client.user_id, chat_id).await?;
    Answer::now(&Pinned {
        status: "ok",
        messages: pinned.into_iter().map(Into::into).collect(),
    })
}
