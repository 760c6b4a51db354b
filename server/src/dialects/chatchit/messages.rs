//! `sendMessage`, `deleteMessage`, `messageRead`, `seenStatus`, `typing`.

use chat_backends::postgres::messages;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{MessageId, RoomId};
use chat_core::protocol::client::{self, DeleteScope, MessageDelete, MessageSend};
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::read::{self, UpTo};
use chat_processor::commands::{delete_message, send_message, typing as typing_command};
use chat_processor::failure::unavailable;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::conversation::Conversation;
use super::links::{self, LinkedFile};
use super::objects::Kind;
use crate::app::App;
use crate::auth::throttle;
use crate::dialects::spelling;
use crate::sockets::events::{Answer, Call};

/// `sendMessage`; over REST too.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SendMessage {
    #[serde(flatten)]
    conversation: Conversation,
    #[serde(default)]
    guid: Option<String>,
    #[serde(default)]
    message_type: Kind,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    attachments: Vec<LinkedFile>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeleteMessage {
    message_id: MessageId,
    #[serde(flatten)]
    conversation: Conversation,
    #[serde(default = "yes")]
    delete_for_everyone: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageRead {
    message_id: MessageId,
    #[serde(flatten)]
    conversation: Conversation,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenStatus {
    #[serde(flatten)]
    conversation: Conversation,
    #[serde(default)]
    last_seen_message_id: Option<MessageId>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typing {
    #[serde(flatten)]
    conversation: Conversation,
    #[serde(default = "yes")]
    is_typing: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageQueued {
    temp_id: String,
    status: &'static str,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeleteMessageQueued {
    message_id: MessageId,
    status: &'static str,
    timestamp: Timestamp,
}

/// The plainest answers.
#[derive(Serialize)]
pub(super) struct Status {
    pub(super) status: &'static str,
}

impl Status {
    pub(super) const OK: Self = Self { status: "ok" };
    pub(super) const QUEUED: Self = Self { status: "queued" };
}

pub(super) async fn send(call: &Call<'_>) -> Result<Answer, Refusal> {
    let (app, actor) = (call.app, call.actor());
    let send = canonical(app, &actor, call.parse()?).await?;
    let checked = send_message::check(&app.context, &actor, send)
        .await
        .map_err(own_words)?;
    let queued = MessageQueued {
        temp_id: checked.client_msg_id,
        status: "queued",
        timestamp: Timestamp::now(),
    };
    Answer::queued(checked.job, &queued)?.emitting("messageQueued", &queued)
}

/// The canonical send. The dm with a friend is made, and links become attachments.
///
/// # Errors
/// `validation_failed`, `user_not_found`, `forbidden` for somebody else's upload, those of the room, `unavailable`.
pub(super) async fn canonical(
    app: &App,
    actor: &Actor,
    send: SendMessage,
) -> Result<MessageSend, Refusal> {
    let room_id = send.conversation.open(app, actor).await?;
    let attachments = links::attachments(app, actor, room_id, &send.attachments).await?;
    let guid = send.guid;
    Ok(MessageSend {
        room_id,
        content: send.content,
        client_msg_id: Some(guid.unwrap_or_else(|| format!("temp_{}", Uuid::new_v4()))),
        kind: Some(send.message_type.into()),
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments,
    })
}

/// A refusal of the canonical send, with the members called as here.
pub(super) fn own_words(refusal: Refusal) -> Refusal {
    spelling::renamed(refusal, "clientMsgId", "guid")
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Answer, Refusal> {
    let delete: DeleteMessage = call.parse()?;
    let message_id = delete.message_id;
    located(call, delete.conversation, message_id).await?;
    let act = MessageDelete {
        message_id,
        scope: if delete.delete_for_everyone {
            DeleteScope::All
        } else {
            DeleteScope::Me
        },
    };
    let job = delete_message::check(&call.app.context, &call.actor(), act).await?;
    let queued = DeleteMessageQueued {
        message_id,
        status: "queued",
        timestamp: Timestamp::now(),
    };
    Answer::queued(job, &queued)?.emitting("deleteMessageQueued", &queued)
}

pub(super) async fn read(call: &Call<'_>) -> Result<Answer, Refusal> {
    let read: MessageRead = call.parse()?;
    located(call, read.conversation, read.message_id).await?;
    let up_to = UpTo::Message(read.message_id);
    read::run(&call.app.context, &call.actor(), up_to).await?;
    Answer::now(&Status::OK)
}

pub(super) async fn seen(call: &Call<'_>) -> Result<Answer, Refusal> {
    let seen: SeenStatus = call.parse()?;
    let up_to = match seen.last_seen_message_id {
        Some(message) => {
            located(call, seen.conversation, message).await?;
            UpTo::Message(message)
        }
        // Everything that is there by now.
        None => UpTo::Seq(
            seen.conversation.existing(call.app, &call.actor()).await?,
            i64::MAX,
        ),
    };
    read::run(&call.app.context, &call.actor(), up_to).await?;
    Answer::now(&Status::OK)
}

pub(super) async fn typing(call: &Call<'_>) -> Result<Answer, Refusal> {
    let typing: Typing = call.parse()?;
    if call.app.shedding.is_active() {
        call.app.metrics.shed(if typing.is_typing {
            "typing.start"
        } else {
            "typing.stop"
        });
        return Answer::shed();
    }
    let room_id = typing
        .conversation
        .existing(call.app, &call.actor())
        .await?;
    let signal = client::Typing { room_id };
    let job =
        typing_command::check(&call.app.context, &call.actor(), signal, typing.is_typing).await?;
    if !throttle::typing_passes(call.app, call.client.user_id, room_id).await {
        return Answer::shed();
    }
    Answer::queued(job, &Status::QUEUED)
}

/// A message is looked for in the conversation that is named with it, nowhere else.
async fn located(
    call: &Call<'_>,
    conversation: Conversation,
    message: MessageId,
) -> Result<RoomId, Refusal> {
    let room = conversation.existing(call.app, &call.actor()).await?;
    let found = messages::locate(&call.app.context.pg, message)
        .await
        .map_err(|error| unavailable(&error))?;
    match found {
        Some((place, _)) if place == room => Ok(room),
        _ => Err(Refusal::new(
            ErrorCode::MessageNotFound,
            "There is no such message in this conversation.",
        )),
    }
}
