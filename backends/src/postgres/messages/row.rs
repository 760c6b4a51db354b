//! How a row becomes a message in the eyes of one member.

use chat_core::ids::{MessageId, UserId};
use chat_core::protocol::objects::{Message, ReplyRef};
use chat_core::time::Timestamp;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::postgres::names;
use crate::postgres::receipts::Positions;

/// What the one statement that reads messages yields.
pub(super) struct MessageRow {
    pub(super) room_id: Uuid,
    pub(super) seq: i64,
    pub(super) message_id: Uuid,
    pub(super) sender_id: Uuid,
    pub(super) client_msg_id: Option<String>,
    pub(super) kind: String,
    pub(super) preview: String,
    pub(super) has_more: bool,
    pub(super) content: Option<String>,
    pub(super) reply_id: Option<Uuid>,
    pub(super) reply_seq: Option<i64>,
    pub(super) reply_sender_id: Option<Uuid>,
    pub(super) reply_preview: Option<String>,
    pub(super) thread_id: Option<Uuid>,
    pub(super) reply_count: i64,
    pub(super) mentions: Vec<Uuid>,
    pub(super) forwarded_from: Option<Value>,
    pub(super) attachments: Option<Value>,
    pub(super) reactions: Option<Value>,
    pub(super) call: Option<Value>,
    pub(super) pinned_at: Option<DateTime<Utc>>,
    pub(super) pinned_by: Option<Uuid>,
    pub(super) edited_at: Option<DateTime<Utc>>,
    pub(super) edit_version: i32,
    pub(super) deleted_at: Option<DateTime<Utc>>,
    pub(super) deleted_by: Option<Uuid>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) hidden_at: Option<DateTime<Utc>>,
}

impl MessageRow {
    /// The message as `viewer` sees it: a tombstone if they deleted it for themselves.
    pub(super) fn into_message(
        self,
        viewer: Option<UserId>,
        full: bool,
        positions: &Positions,
    ) -> Result<Message, sqlx::Error> {
        let (room_id, sender_id) = (self.room_id.into(), self.sender_id.into());
        let id = MessageId::from(self.message_id);
        let reply_to = match (self.reply_id, self.reply_seq, self.reply_sender_id) {
            (Some(id), Some(seq), Some(sender)) => Some(ReplyRef {
                id: id.into(),
                seq,
                sender_id: sender.into(),
                preview: self.reply_preview.unwrap_or_default(),
            }),
            _ => None,
        };
        let mut message = Message {
            id,
            message_id: id,
            room_id,
            seq: self.seq,
            sender_id,
            client_msg_id: self.client_msg_id,
            kind: names::read("kind", &self.kind)?,
            content: self.content,
            preview: self.preview,
            has_more: self.has_more,
            reply_to,
            thread_id: self.thread_id.map(MessageId::from),
            reply_count: self.reply_count,
            forwarded_from: self
                .forwarded_from
                .map(|value| object("forwarded_from", value))
                .transpose()?,
            mentions: self.mentions.into_iter().map(UserId::from).collect(),
            attachments: list("attachments", self.attachments)?,
            reactions: list("reactions", self.reactions)?,
            pinned: self.pinned_at.is_some(),
            pinned_at: self.pinned_at.map(Timestamp::from),
            pinned_by: self.pinned_by.map(UserId::from),
            edited_at: self.edited_at.map(Timestamp::from),
            edit_version: self.edit_version,
            deleted_at: self.deleted_at.map(Timestamp::from),
            deleted_by: self.deleted_by.map(UserId::from),
            call: self.call.map(|value| object("call", value)).transpose()?,
            status: positions.status(room_id, self.seq, sender_id),
            created_at: self.created_at.into(),
        };
        if message.deleted_at.is_none()
            && let Some(hidden_at) = self.hidden_at
        {
            message.deleted_at = Some(hidden_at.into());
            message.deleted_by = viewer;
        }
        if message.deleted_at.is_some() {
            bury(&mut message, full);
        }
        Ok(message)
    }
}

/// Leaves nothing of a deleted message but its place. A tombstone is whole in preview mode too: its content is known.
fn bury(message: &mut Message, full: bool) {
    message.content = full.then(String::new);
    message.preview = String::new();
    message.has_more = false;
    message.attachments = Vec::new();
    message.reactions = Vec::new();
    message.mentions = Vec::new();
    message.forwarded_from = None;
    message.pinned = false;
    message.pinned_at = None;
    message.pinned_by = None;
}

fn object<T: serde::de::DeserializeOwned>(column: &str, value: Value) -> Result<T, sqlx::Error> {
    serde_json::from_value(value).map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    })
}

fn list<T: serde::de::DeserializeOwned>(
    column: &str,
    value: Option<Value>,
) -> Result<Vec<T>, sqlx::Error> {
    value.map_or_else(|| Ok(Vec::new()), |value| object(column, value))
}
