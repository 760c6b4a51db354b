//! Dms: of each pair there is one.

use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

/// The dm of these two, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn dm(
    db: impl PgExecutor<'_>,
    one: UserId,
    other: UserId,
) -> Result<Option<RoomId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT room_id FROM dm_pairs WHERE user_low = $1 AND user_high = $2",
        one.min(other).uuid(),
        one.max(other).uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(RoomId::from))
}

/// Makes the dm of `creator` and `other` under the id `proposed`, unless they have one; returns its id and whether it
/// is new. Of two who try at once one makes it and both get it.
///
/// # Errors
/// If the database fails.
pub async fn create_dm(
    conn: &mut PgConnection,
    proposed: RoomId,
    creator: UserId,
    other: UserId,
    now: Timestamp,
) -> Result<(RoomId, bool), sqlx::Error> {
    let inserted = sqlx::query_scalar!(
        r#"
        WITH pair AS (
            INSERT INTO dm_pairs (user_low, user_high, room_id) VALUES ($1, $2, $3)
            ON CONFLICT (user_low, user_high) DO NOTHING
            RETURNING room_id, user_low, user_high
        ), room AS (
            INSERT INTO rooms (room_id, kind, created_by, created_at, updated_at, last_activity_at, member_count)
            SELECT room_id, 'dm', $4, $5, $5, $5, 2 FROM pair
        ), both_members AS (
            INSERT INTO members (room_id, user_id, joined_at)
            SELECT room_id, unnest(ARRAY[user_low, user_high]), $5 FROM pair
        )
        SELECT room_id FROM pair
        "#,
        creator.min(other).uuid(),
        creator.max(other).uuid(),
        proposed.uuid(),
        creator.uuid(),
        now.utc(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    if inserted.is_some() {
        return Ok((proposed, true));
    }
    // The insert waited for whoever was first, so the pair is committed and a new statement sees it.
    dm(conn, creator, other)
        .await?
        .map(|room| (room, false))
        .ok_or(sqlx::Error::RowNotFound)
}
