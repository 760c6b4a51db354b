//! Who asked to be let into a group whose policy is approval.

use chat_core::ids::{InviteId, RoomId, UserId};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// Asks under the id `request`, once a user and room; returns the id of the request that is open now.
///
/// # Errors
/// If the database fails.
pub async fn ask(
    db: impl PgExecutor<'_>,
    request: InviteId,
    room: RoomId,
    user: UserId,
    now: Timestamp,
) -> Result<InviteId, sqlx::Error> {
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO join_requests (room_id, user_id, request_id, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (room_id, user_id) DO UPDATE SET created_at = excluded.created_at
        RETURNING request_id
        "#,
        room.uuid(),
        user.uuid(),
        request.uuid(),
        now.utc(),
    )
    .fetch_one(db)
    .await?;
    Ok(id.into())
}

/// Takes a request off the list because it is answered; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn take(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM join_requests WHERE room_id = $1 AND user_id = $2",
        room.uuid(),
        user.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Who asked, the first at the front.
///
/// # Errors
/// If the database fails.
pub async fn list(db: impl PgExecutor<'_>, room: RoomId) -> Result<Vec<UserId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT user_id FROM join_requests WHERE room_id = $1 ORDER BY created_at, user_id LIMIT 1000",
        room.uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(UserId::from).collect())
}
