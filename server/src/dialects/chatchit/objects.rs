//! The objects of `chatchit`, made from the canonical ones.

use chat_core::ids::{AttachmentId, MessageId, RoomId, UserId};
use chat_core::protocol::objects::{
    Attachment, CallMedia, CallState, Message, MessageStatus, MessageType,
};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conversation::ConversationType;
use crate::dialects::facts::{Person, Place};

/// Kind of message; canonical kinds that this dialect's clients can't send are named all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Kind {
    #[default]
    Text,
    Image,
    File,
    Video,
    Audio,
    #[serde(skip_deserializing)]
    Call,
}

impl From<MessageType> for Kind {
    fn from(kind: MessageType) -> Self {
        match kind {
            MessageType::Text => Self::Text,
            MessageType::Image => Self::Image,
            MessageType::File => Self::File,
            MessageType::Video => Self::Video,
            MessageType::Audio => Self::Audio,
            MessageType::Call => Self::Call,
        }
    }
}

impl From<Kind> for MessageType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Image => Self::Image,
            Kind::File => Self::File,
            Kind::Video => Self::Video,
            Kind::Audio => Self::Audio,
            Kind::Call => Self::Call,
        }
    }
}

/// Voice or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum CallType {
    #[default]
    Voice,
    Video,
}

impl From<CallMedia> for CallType {
    fn from(media: CallMedia) -> Self {
        match media {
            CallMedia::Audio => Self::Voice,
            CallMedia::Video => Self::Video,
        }
    }
}

impl From<CallType> for CallMedia {
    fn from(kind: CallType) -> Self {
        match kind {
            CallType::Voice => Self::Audio,
            CallType::Video => Self::Video,
        }
    }
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum CallStatus {
    Invited,
    Missed,
    Ongoing,
    Ended,
}

impl From<CallState> for CallStatus {
    fn from(state: CallState) -> Self {
        match state {
            CallState::Ringing => Self::Invited,
            CallState::Ongoing => Self::Ongoing,
            CallState::Ended | CallState::Refused => Self::Ended,
            CallState::Missed | CallState::Cancelled | CallState::Unavailable => Self::Missed,
        }
    }
}

/// Where something happened, as one receiver sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Scene {
    conversation_id: RoomId,
    conversation_type: ConversationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_id: Option<UserId>,
}

impl Scene {
    /// The conversation as `viewer` sees it; everybody sees a group alike.
    pub(crate) fn of(room: RoomId, place: Place, viewer: Option<UserId>) -> Self {
        Self {
            conversation_id: room,
            conversation_type: place.kind.into(),
            peer_id: viewer.and_then(|viewer| place.peer_of(viewer)),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    id: AttachmentId,
    thumb_url: Option<String>,
    file_url: String,
}

impl From<Attachment> for File {
    fn from(attachment: Attachment) -> Self {
        Self {
            id: attachment.id,
            thumb_url: attachment.thumb_url,
            file_url: attachment.url,
        }
    }
}

/// `ChatchitMessage`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChatchitMessage {
    id: MessageId,
    guid: Option<String>,
    #[serde(flatten)]
    scene: Scene,
    sender_id: UserId,
    message_type: Kind,
    content: String,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
    call_type: Option<CallType>,
    call_status: Option<CallStatus>,
    status: &'static str,
    attachments: Vec<File>,
    sender: Person,
    seq: i64,
}

impl ChatchitMessage {
    /// A message by `sender` as it is seen in `scene`.
    pub(crate) fn of(message: Message, scene: Scene, sender: Person) -> Self {
        Self {
            id: message.id,
            guid: message.client_msg_id,
            scene,
            sender_id: message.sender_id,
            message_type: message.kind.into(),
            content: message.content.unwrap_or(message.preview),
            created_at: message.created_at,
            deleted_at: message.deleted_at,
            call_type: named(message.call.as_ref().map(|call| &call.media)).map(CallMedia::into),
            call_status: named(message.call.as_ref().map(|call| &call.state)).map(CallState::into),
            status: match message.status {
                MessageStatus::Sent => "SENT",
                MessageStatus::Delivered => "DELIVERED",
                MessageStatus::Read => "READ",
            },
            attachments: message.attachments.into_iter().map(File::from).collect(),
            sender,
            seq: message.seq,
        }
    }
}

/// A summary of a call names its media and state by text.
fn named<T: serde::de::DeserializeOwned>(name: Option<&String>) -> Option<T> {
    serde_json::from_value(Value::from(name?.as_str())).ok()
}
