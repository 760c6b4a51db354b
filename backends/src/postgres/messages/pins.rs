//! Pinned messages of a room, at most [`limits::PINS`].

use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use crate::postgres::rooms;

/// What came of a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinned {
    /// The message is pinned now.
    Now,
    /// It was pinned before.
    Already,
    /// The room has as many pins as it may.
    Full,
    /// There is no such message, or it is deleted.
    Gone,
}

/// Pins a message, under the room's lock; the transaction is the caller's.
///
/// # Errors
/// If the database fails.
pub async fn pin(
    conn: &mut PgConnection,
    room: RoomId,
    seq: i64,
    by: UserId,
    now: Timestamp,
) -> Result<Pinned, sqlx::Error> {
    if rooms::lock(&mut *conn, &[room]).await?.is_empty() {
        return Ok(Pinned::Gone);
    }
    let state = sqlx::query!(
        r#"
        SELECT m.pinned_at IS NOT NULL AS "pinned!",
               (SELECT count(*) FROM messages p WHERE p.room_id = $1 AND p.pinned_at IS NOT NULL) AS "pins!"
        FROM messages m WHERE m.room_id = $1 AND m.seq = $2 AND m.deleted_at IS NULL
        "#,
        room.uuid(),
        seq,
    )
    .fetch_optional(&mut *conn)
    .await?;
    match state {
        None => return Ok(Pinned::Gone),
        Some(state) if state.pinned => return Ok(Pinned::Already),
        Some(state) if state.pins >= limits::PINS => return Ok(Pinned::Full),
        Some(_) => {}
    }
    sqlx::query!(
        "UPDATE messages SET pinned_at = $3, pinned_by = $4 WHERE room_id = $1 AND seq = $2",
        room.uuid(),
        seq,
        now.utc(),
        by.uuid(),
    )
    .execute(conn)
    .await?;
    Ok(Pinned::Now)
}

/// Unpins a message; whether it was pinned.
///
/// # Errors
/// If the database fails.
pub async fn unpin(db: impl PgExecutor<'_>, room: RoomId, seq: i64) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        UPDATE messages SET pinned_at = NULL, pinned_by = NULL
        WHERE room_id = $1 AND seq = $2 AND pinned_at IS NOT NULL
        "#,
        room.uuid(),
        seq,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The places of a room's pinned messages, the latest pin first, for [`super::load`].
///
/// # Errors
/// If the database fails.
pub async fn pins(
    db: impl PgExecutor<'_>,
    room: RoomId,
) -> Result<Vec<(RoomId, i64)>, sqlx::Error> {
    let seqs = sqlx::query_scalar!(
        "SELECT seq FROM messages WHERE room_id = $1 AND pinned_at IS NOT NULL ORDER BY pinned_at DESC, seq DESC",
        room.uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(seqs.into_iter().map(|seq| (room, seq)).collect())
}
