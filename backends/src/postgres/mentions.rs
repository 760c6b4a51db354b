//! Mentions that were not read yet.

use chat_core::ids::{RoomId, UserId};
use sqlx::PgExecutor;

/// What waits for a user in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Unread {
    pub room_id: RoomId,
    pub unread: i64,
    pub mentions: i64,
}

/// The rooms in which something waits for `user`, the last active first.
///
/// # Errors
/// If the database fails.
pub async fn unread(
    db: impl PgExecutor<'_>,
    user: UserId,
    limit: usize,
) -> Result<Vec<Unread>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT r.room_id, r.last_seq - m.last_read_seq - m.own_after_read AS "unread!",
               (SELECT count(*) FROM mentions n
                WHERE n.room_id = r.room_id AND n.user_id = $1 AND n.seq > m.last_read_seq) AS "mentions!"
        FROM members m JOIN rooms r ON r.room_id = m.room_id
        WHERE m.user_id = $1 AND r.deleted_at IS NULL AND r.last_seq > m.last_read_seq + m.own_after_read
        ORDER BY r.last_activity_at DESC LIMIT $2
        "#,
        user.uuid(),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unread {
            room_id: row.room_id.into(),
            unread: row.unread,
            mentions: row.mentions,
        })
        .collect())
}
