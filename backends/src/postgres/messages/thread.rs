//! Threads: the messages that name another one of their room as their thread's first.

use chat_core::ids::RoomId;
use sqlx::PgExecutor;

/// The places of the first `limit` messages after `after` in the thread that begins at `first`, ascending, for
/// [`super::load`].
///
/// # Errors
/// If the database fails.
pub async fn thread(
    db: impl PgExecutor<'_>,
    room: RoomId,
    first: i64,
    after: i64,
    limit: u32,
) -> Result<Vec<(RoomId, i64)>, sqlx::Error> {
    let seqs = sqlx::query_scalar!(
        r#"
        SELECT seq FROM messages
        WHERE room_id = $1 AND thread_seq = $2 AND seq > $3 ORDER BY seq LIMIT $4
        "#,
        room.uuid(),
        first,
        after,
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(seqs.into_iter().map(|seq| (room, seq)).collect())
}
