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

/// Who is banned from a room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RoomBan {
    pub user_id: UserId,
    pub banned_by: UserId,
    pub reason: String,
    pub until: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Up to `limit` bans of a room that hold at `now`, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn list(
    db: impl PgExecutor<'_>,
    room: RoomId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<RoomBan>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT user_id, banned_by, reason, until, created_at FROM room_bans
        WHERE room_id = $1 AND (until IS NULL OR until > $2) ORDER BY created_at DESC, user_id LIMIT $3
        "#,
        room.uuid(),
        now.utc(),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RoomBan {
            user_id: row.user_id.into(),
            banned_by: row.banned_by.into(),
            reason: row.reason,
            until: row.until.map(Timestamp::from),
            created_at: row.created_at.into(),
        })
        .collect())
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
