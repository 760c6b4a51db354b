//! What this dialect calls the canonical objects.

use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::protocol::objects::{Message, MessageStatus, MessageType, Room, RoomType};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A room.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chat {
    id: RoomId,
    name: Option<String>,
    is_group: bool,
    participants: Vec<Participant>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Participant {
    id: UserId,
    user_id: UserId,
}

impl Chat {
    /// The room with these members.
    pub(super) fn new(room: Room, members: Vec<UserId>) -> Self {
        Self {
            id: room.id,
            name: room.title,
            is_group: room.kind == RoomType::Group,
            participants: members
                .into_iter()
                .map(|id| Participant { id, user_id: id })
                .collect(),
            created_at: room.created_at,
            updated_at: room.updated_at,
        }
    }
}

/// A message; it must have no other member.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueuedMessage {
    id: MessageId,
    chat_id: RoomId,
    sender_id: UserId,
    content: String,
    message_type: MessageType,
    status: MessageStatus,
    sequence: i64,
    sent_at: Timestamp,
}

impl From<Message> for QueuedMessage {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            chat_id: message.room_id,
            sender_id: message.sender_id,
            content: message.content.unwrap_or_default(),
            message_type: message.kind,
            status: message.status,
            sequence: message.seq,
            sent_at: message.created_at,
        }
    }
}

/// The body of a send.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Send {
    pub(super) content: String,
    #[serde(default)]
    pub(super) client_message_id: Option<String>,
}

/// The body of a new chat.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewChat {
    pub(super) participant_ids: Vec<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) is_group: Option<bool>,
}
