//! Which users have an open invite into a room already.

use chat_core::ids::{InviteId, RoomId, UserId};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// The open invites of these users into `room`; who has none is left out.
///
/// # Errors
/// If the database fails.
pub async fn among(
    db: impl PgExecutor<'_>,
    room: RoomId,
    users: &[UserId],
    now: Timestamp,
) -> Result<Vec<(InviteId, UserId)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT invite_id, user_id FROM invites
        WHERE room_id = $1 AND user_id = ANY($2) AND status = 'pending' AND expires_at > $3
        "#,
        room.uuid(),
        &super::uuids(users),
        now.utc(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.invite_id.into(), row.user_id.into()))
        .collect())
}
