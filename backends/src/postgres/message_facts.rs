//! What the rules need to know of a message before it is edited, deleted, pinned or reacted to.

use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::protocol::objects::MessageType;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use super::names;

/// What decides whether an act on a message is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Facts {
    pub room_id: RoomId,
    pub seq: i64,
    pub sender_id: UserId,
    pub kind: MessageType,
    pub created_at: Timestamp,
    pub is_deleted: bool,
    pub is_pinned: bool,
}

/// The facts of a message, a tombstone's too; `None` if there is none, or its room was deleted.
///
/// # Errors
/// If the database fails.
pub async fn facts(
    db: impl PgExecutor<'_>,
    message: MessageId,
) -> Result<Option<Facts>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT m.room_id, m.seq, m.sender_id, m.kind, m.created_at, m.deleted_at IS NOT NULL AS "is_deleted!",
               m.pinned_at IS NOT NULL AS "is_pinned!"
        FROM messages m JOIN rooms r ON r.room_id = m.room_id
        WHERE m.message_id = $1 AND r.deleted_at IS NULL LIMIT 1
        "#,
        message.uuid(),
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(Facts {
            room_id: row.room_id.into(),
            seq: row.seq,
            sender_id: row.sender_id.into(),
            kind: names::read("kind", &row.kind)?,
            created_at: row.created_at.into(),
            is_deleted: row.is_deleted,
            is_pinned: row.is_pinned,
        })
    })
    .transpose()
}
