//! What this dialect calls the canonical objects.

use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::protocol::objects::{Message, MessageStatus, Room, RoomType};
use chat_core::time::Timestamp;
use serde::Serialize;

/// A room.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chat {
    id: RoomId,
    r#type: RoomType,
    title: Option<String>,
    participants: Vec<UserId>,
    /// Always empty: clients fetch a chat's messages by themselves.
    messages: [ChatMessage; 0],
    created_at: Timestamp,
    updated_at: Timestamp,
    last_seq: i64,
    unread: i64,
}

impl Chat {
    /// The room with these members.
    pub(super) fn new(room: Room, participants: Vec<UserId>) -> Self {
        Self {
            id: room.id,
            r#type: room.kind,
            title: room.title,
            participants,
            messages: [],
            created_at: room.created_at,
            updated_at: room.updated_at,
            last_seq: room.last_seq,
            unread: room.unread,
        }
    }
}

/// A message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatMessage {
    pub(super) id: MessageId,
    pub(super) chat_id: RoomId,
    pub(super) sender_id: UserId,
    pub(super) content: String,
    pub(super) status: &'static str,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// `None` only for a message that is not stored yet.
    pub(super) seq: Option<i64>,
    pub(super) is_edited: bool,
    pub(super) is_pinned: bool,
    pub(super) pinned_at: Option<Timestamp>,
    pub(super) pinned_by: Option<UserId>,
    pub(super) is_forwarded: bool,
    pub(super) forwarded_from_id: Option<MessageId>,
    pub(super) original_sender_id: Option<UserId>,
}

impl From<Message> for ChatMessage {
    fn from(message: Message) -> Self {
        let changed = [message.edited_at, message.pinned_at, message.deleted_at];
        let origin = message.forwarded_from;
        Self {
            id: message.id,
            chat_id: message.room_id,
            sender_id: message.sender_id,
            content: message.content.unwrap_or_default(),
            status: status(message.status),
            created_at: message.created_at,
            updated_at: changed
                .into_iter()
                .flatten()
                .max()
                .unwrap_or(message.created_at),
            seq: Some(message.seq),
            is_edited: message.edited_at.is_some(),
            is_pinned: message.pinned,
            pinned_at: message.pinned_at,
            pinned_by: message.pinned_by,
            is_forwarded: origin.is_some(),
            forwarded_from_id: origin.as_ref().map(|from| from.message_id),
            original_sender_id: origin.map(|from| from.sender_id),
        }
    }
}

/// The status in this dialect's spelling.
pub(super) const fn status(status: MessageStatus) -> &'static str {
    match status {
        MessageStatus::Sent => "SENT",
        MessageStatus::Delivered => "DELIVERED",
        MessageStatus::Read => "READ",
    }
}
