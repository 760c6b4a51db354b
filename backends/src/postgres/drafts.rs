//! What a user began to write and did not send, the same on all their devices.

use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// A draft.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Draft {
    pub room_id: RoomId,
    pub content: String,
    pub updated_at: Timestamp,
}

/// Keeps a draft; an empty one is forgotten. An older one never overwrites a newer one.
///
/// # Errors
/// If the database fails.
pub async fn set(db: impl PgExecutor<'_>, user: UserId, draft: &Draft) -> Result<(), sqlx::Error> {
    let query = if draft.content.is_empty() {
        sqlx::query!(
            "DELETE FROM drafts WHERE room_id = $1 AND user_id = $2 AND updated_at <= $3",
            draft.room_id.uuid(),
            user.uuid(),
            draft.updated_at.utc(),
        )
    } else {
        sqlx::query!(
            r#"
            INSERT INTO drafts (room_id, user_id, content, updated_at) VALUES ($1, $2, $4, $3)
            ON CONFLICT (room_id, user_id) DO UPDATE
            SET content = excluded.content, updated_at = excluded.updated_at
            WHERE drafts.updated_at <= excluded.updated_at
            "#,
            draft.room_id.uuid(),
            user.uuid(),
            draft.updated_at.utc(),
            draft.content,
        )
    };
    query.execute(db).await.map(|_| ())
}

/// The draft of a user in a room.
///
/// # Errors
/// If the database fails.
pub async fn of_room(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
) -> Result<Option<Draft>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT content, updated_at FROM drafts WHERE room_id = $1 AND user_id = $2",
        room.uuid(),
        user.uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Draft {
        room_id: room,
        content: row.content,
        updated_at: row.updated_at.into(),
    }))
}

/// The drafts of a user, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn list(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<Draft>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT d.room_id, d.content, d.updated_at
        FROM drafts d JOIN members m ON m.room_id = d.room_id AND m.user_id = d.user_id
        WHERE d.user_id = $1 ORDER BY d.updated_at DESC
        "#,
        user.uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Draft {
            room_id: row.room_id.into(),
            content: row.content,
            updated_at: row.updated_at.into(),
        })
        .collect())
}
