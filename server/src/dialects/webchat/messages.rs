//! `message` and `message:*`.

use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{MessageId, RoomId};
use chat_core::job::{Act, Job};
use chat_core::protocol::client::{
    DeleteScope, MessageDelete, MessageEdit, MessageForward, MessagePin, MessageSend,
};
use chat_core::protocol::objects::{Message, MessageStatus};
use chat_processor::commands::mark_delivered;
use chat_processor::commands::read::{self, UpTo};
use chat_processor::commands::{delete_message, edit_message, forward, pin_message, send_message};
use serde::{Deserialize, Serialize};

use super::chats;
use super::objects::{self, ChatMessage};
use crate::dialects::spelling;
use crate::sockets::events::{Answer, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    chat_id: RoomId,
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reached {
    message_id: MessageId,
    status: Status,
}

#[derive(Deserialize)]
enum Status {
    #[serde(rename = "DELIVERED", alias = "delivered")]
    Delivered,
    #[serde(rename = "READ", alias = "read")]
    Read,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct One {
    message_id: MessageId,
    to_chat_id: RoomId,
    #[serde(default)]
    additional_content: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Several {
    message_ids: Vec<MessageId>,
    to_chat_id: RoomId,
}

#[derive(Serialize)]
pub(super) struct Done {
    pub(super) status: &'static str,
}

impl Done {
    pub(super) const OK: Self = Self { status: "ok" };
}

#[derive(Serialize)]
struct WithMessage {
    status: &'static str,
    message: ChatMessage,
}

#[derive(Serialize)]
struct WithMessages {
    status: &'static str,
    messages: Vec<ChatMessage>,
}

pub(super) async fn send(call: &Call<'_>) -> Result<Answer, Refusal> {
    let sent: Sent = call.parse()?;
    let send = MessageSend {
        room_id: sent.chat_id,
        content: Some(sent.content),
        client_msg_id: None,
        kind: None,
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments: vec![],
    };
    let checked = send_message::check(&call.app.context, &call.actor(), send).await?;
    // Before the send is on its way: whoever sends hears it too.
    chats::view(call, sent.chat_id)?;
    let provisional = provisional(&checked.job)?;
    Answer::queued(checked.job, &provisional)
}

/// What a send will be once it is stored.
fn provisional(job: &Job) -> Result<ChatMessage, Refusal> {
    let (Act::SendMessage(send), Some(chat_id)) = (&job.act, job.room_id) else {
        let message = "Something went wrong. Please try again.";
        return Err(Refusal::new(ErrorCode::Internal, message));
    };
    let origin = send.forwarded_from.as_ref();
    Ok(ChatMessage {
        id: send.message_id,
        chat_id,
        sender_id: job.user_id,
        content: send.content.clone(),
        status: objects::status(MessageStatus::Sent),
        created_at: job.created_at,
        updated_at: job.created_at,
        seq: None,
        is_edited: false,
        is_pinned: false,
        pinned_at: None,
        pinned_by: None,
        is_forwarded: origin.is_some(),
        forwarded_from_id: origin.map(|from| from.message_id),
        original_sender_id: origin.map(|from| from.sender_id),
    })
}

/// Done before the answer, which shows the message as it is then.
pub(super) async fn update(call: &Call<'_>) -> Result<Answer, Refusal> {
    let edit: MessageEdit = call.parse()?;
    shown(edit_message::run(&call.app.context, &call.actor(), edit).await?)
}

pub(super) async fn pin(call: &Call<'_>) -> Result<Answer, Refusal> {
    let pin: MessagePin = call.parse()?;
    shown(pin_message::run(&call.app.context, &call.actor(), pin).await?)
}

pub(super) async fn unpin(call: &Call<'_>) -> Result<Answer, Refusal> {
    let pin: MessagePin = call.parse()?;
    shown(pin_message::run_unpin(&call.app.context, &call.actor(), pin).await?)
}

fn shown(message: Message) -> Result<Answer, Refusal> {
    Answer::now(&WithMessage {
        status: "ok",
        message: message.into(),
    })
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Answer, Refusal> {
    let MessagePin { message_id } = call.parse()?;
    let delete = MessageDelete {
        message_id,
        scope: DeleteScope::All,
    };
    let job = delete_message::check(&call.app.context, &call.actor(), delete).await?;
    Answer::queued(job, &Done::OK)
}

pub(super) async fn read(call: &Call<'_>) -> Result<Answer, Refusal> {
    let MessagePin { message_id } = call.parse()?;
    read::run(&call.app.context, &call.actor(), UpTo::Message(message_id)).await?;
    Answer::now(&Done::OK)
}

pub(super) async fn status(call: &Call<'_>) -> Result<Answer, Refusal> {
    let reached: Reached = call.parse()?;
    let (context, actor, message) = (&call.app.context, call.actor(), reached.message_id);
    match reached.status {
        Status::Delivered => {
            mark_delivered::run(context, &actor, mark_delivered::UpTo::Message(message)).await?;
        }
        Status::Read => {
            read::run(context, &actor, UpTo::Message(message)).await?;
        }
    }
    Answer::now(&Done::OK)
}

pub(super) async fn forward(call: &Call<'_>) -> Result<Answer, Refusal> {
    let one: One = call.parse()?;
    let preface = one.additional_content.as_deref();
    let (jobs, mut messages) =
        forwarded(call, vec![one.message_id], one.to_chat_id, preface).await?;
    match messages.pop() {
        Some(message) => Answer::all_queued(
            jobs,
            &WithMessage {
                status: "ok",
                message,
            },
        ),
        None => Answer::all_queued(jobs, &Done::OK),
    }
}

pub(super) async fn forward_multiple(call: &Call<'_>) -> Result<Answer, Refusal> {
    let several: Several = call.parse()?;
    let (jobs, messages) = forwarded(call, several.message_ids, several.to_chat_id, None).await?;
    Answer::all_queued(
        jobs,
        &WithMessages {
            status: "ok",
            messages,
        },
    )
}

async fn forwarded(
    call: &Call<'_>,
    message_ids: Vec<MessageId>,
    to: RoomId,
    preface: Option<&str>,
) -> Result<(Vec<Job>, Vec<ChatMessage>), Refusal> {
    let request = MessageForward {
        message_ids,
        room_ids: vec![to],
        comment: None,
    };
    let preface = preface.filter(|text| !text.is_empty());
    let sends = forward::check_with_preface(&call.app.context, &call.actor(), request, preface)
        .await
        .map_err(|refusal| spelling::renamed(refusal, "roomIds", "toChatId"))?;
    chats::view(call, to)?;
    let jobs: Vec<Job> = sends.into_iter().map(|send| send.job).collect();
    let messages: Result<Vec<_>, Refusal> = jobs.iter().map(provisional).collect();
    Ok((jobs, messages?))
}
