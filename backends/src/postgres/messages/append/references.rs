//! What the new messages of a batch refer to: answered messages, threads and files.

use std::collections::HashMap;

use chat_core::ids::{AttachmentId, MessageId, RoomId};
use chat_core::protocol::objects::{self, Attachment, Message, MessageStatus, ReplyRef};
use sqlx::PgConnection;

use super::NewMessage;
use super::plan::{Place, Plan};
use crate::postgres::attachments;

/// What could be resolved. What could not is left out: the message was accepted, so it is stored without.
#[derive(Debug, Default)]
pub(super) struct References {
    messages: HashMap<(RoomId, MessageId), ReplyRef>,
    attachments: HashMap<AttachmentId, Attachment>,
}

impl References {
    /// Looks up whatever the new messages refer to; no statement if they refer to nothing.
    pub(super) async fn of(
        conn: &mut PgConnection,
        batch: &[NewMessage],
        plan: &Plan,
    ) -> Result<Self, sqlx::Error> {
        let new = || {
            batch
                .iter()
                .zip(&plan.places)
                .filter(|(_, place)| matches!(place, Place::New { .. }))
                .map(|(new, _)| new)
        };
        let messages: Vec<(RoomId, MessageId)> = new()
            .flat_map(|new| {
                [new.send.reply_to, new.send.thread_id]
                    .into_iter()
                    .flatten()
                    .map(|id| (new.room_id, id))
            })
            .collect();
        let files: Vec<AttachmentId> = new()
            .flat_map(|new| new.send.attachments.iter().copied())
            .collect();
        let mut references = Self::default();
        if !messages.is_empty() {
            references.messages = refs(conn, &messages).await?;
        }
        if !files.is_empty() {
            references.attachments = attachments::by_ids(conn, &files)
                .await?
                .into_iter()
                .map(|file| (file.id, file))
                .collect();
        }
        Ok(references)
    }

    /// The place of the first message of a new message's thread.
    pub(super) fn thread_seq(&self, room: RoomId, thread: Option<MessageId>) -> Option<i64> {
        Some(self.messages.get(&(room, thread?))?.seq)
    }

    /// The new message as clients will see it.
    pub(super) fn message(&self, new: &NewMessage, seq: i64) -> Message {
        let send = &new.send;
        let (preview, has_more) = objects::preview(&send.content);
        Message {
            id: send.message_id,
            message_id: send.message_id,
            room_id: new.room_id,
            seq,
            sender_id: new.sender_id,
            client_msg_id: Some(send.client_msg_id.clone()),
            kind: send.kind,
            content: Some(send.content.clone()),
            preview,
            has_more,
            reply_to: send
                .reply_to
                .and_then(|id| self.messages.get(&(new.room_id, id)).cloned()),
            thread_id: send
                .thread_id
                .filter(|id| self.messages.contains_key(&(new.room_id, *id))),
            reply_count: 0,
            forwarded_from: send.forwarded_from.clone(),
            mentions: send.mentions.clone(),
            attachments: send
                .attachments
                .iter()
                .filter_map(|id| self.attachments.get(id).cloned())
                .collect(),
            reactions: Vec::new(),
            pinned: false,
            pinned_at: None,
            pinned_by: None,
            edited_at: None,
            edit_version: 0,
            deleted_at: None,
            deleted_by: None,
            call: new.call.clone(),
            status: MessageStatus::Sent,
            created_at: new.created_at,
        }
    }
}

async fn refs(
    conn: &mut PgConnection,
    wanted: &[(RoomId, MessageId)],
) -> Result<HashMap<(RoomId, MessageId), ReplyRef>, sqlx::Error> {
    let (rooms, ids): (Vec<_>, Vec<_>) = wanted
        .iter()
        .map(|(room, id)| (room.uuid(), id.uuid()))
        .unzip();
    let rows = sqlx::query!(
        r#"
        SELECT wanted.room_id AS "room_id!", found.message_id, found.seq, found.sender_id,
               COALESCE(found.preview, found.content) AS "preview!"
        FROM unnest($1::uuid[], $2::uuid[]) AS wanted (room_id, message_id)
        CROSS JOIN LATERAL (
            SELECT message_id, seq, sender_id, preview, content FROM messages
            WHERE room_id = wanted.room_id AND message_id = wanted.message_id LIMIT 1) AS found
        "#,
        &rooms,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let id = MessageId::from(row.message_id);
            let found = ReplyRef {
                id,
                seq: row.seq,
                sender_id: row.sender_id.into(),
                preview: row.preview,
            };
            ((row.room_id.into(), id), found)
        })
        .collect())
}
