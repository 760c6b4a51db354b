//! Who may not come back into a room.

use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// Bans a user from a room until then, or for good; a later ban replaces an earlier one.
///
/// # Errors
/// If the database fails.
pub async fn add(
    db: impl PgExecutor<'_>,
    (room, user): (RoomId, UserId),
    by: UserId,
    reason: &str,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO room_bans (room_id, user_id, banned_by, reason, until, created_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (room_id, user_id) DO UPDATE
        SET banned_by = excluded.banned_by, reason = excluded.reason, until = excluded.until,
            created_at = excluded.created_at
        "#,
        room.uuid(),
        user.uuid(),
        by.uuid(),
        reason,
        until.map(Timestamp::utc),
        now.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Ends a ban; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn remove(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM room_bans WHERE room_id = $1 AND user_id = $2",
        room.uuid(),
        user.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Which of `users` are banned from `room` now.
///
/// # Errors
/// If the database fails.
pub async fn banned(
    db: impl PgExecutor<'_>,
    room: RoomId,
    users: &[UserId],
    now: Timestamp,
) -> Result<Vec<UserId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT user_id FROM room_bans
        WHERE room_id = $1 AND user_id = ANY($2) AND (until IS NULL OR until > $3)
        "#,
        room.uuid(),
        &super::uuids(users),
        now.utc(),
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(UserId::from).collect())
}
