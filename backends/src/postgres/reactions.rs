//! Reactions: idempotent per user and emoji. The message's row carries what clients see of them.

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::Reaction;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

/// Most users that a reaction names; the count goes on.
const NAMED_USERS: i32 = 100;

/// Adds or removes one user's reaction; returns all reactions of the message now and whether anything changed.
/// `None` if there is no such message or it is deleted. The transaction is the caller's.
///
/// # Errors
/// If the database fails.
pub async fn set(
    conn: &mut PgConnection,
    (room, seq): (RoomId, i64),
    user: UserId,
    emoji: &str,
    present: bool,
    now: Timestamp,
) -> Result<Option<(Vec<Reaction>, bool)>, sqlx::Error> {
    // The row's lock orders all reactions to a message, so that the last one to write has seen every other.
    let locked = sqlx::query_scalar!(
        "SELECT seq FROM messages WHERE room_id = $1 AND seq = $2 AND deleted_at IS NULL FOR NO KEY UPDATE",
        room.uuid(),
        seq,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if locked.is_none() {
        return Ok(None);
    }
    let changed = if present {
        sqlx::query!(
            r#"
            INSERT INTO reactions (room_id, seq, user_id, emoji, created_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (room_id, seq, user_id, emoji) DO NOTHING
            "#,
            room.uuid(),
            seq,
            user.uuid(),
            emoji,
            now.utc(),
        )
        .execute(&mut *conn)
        .await?
    } else {
        sqlx::query!(
            "DELETE FROM reactions WHERE room_id = $1 AND seq = $2 AND user_id = $3 AND emoji = $4",
            room.uuid(),
            seq,
            user.uuid(),
            emoji,
        )
        .execute(&mut *conn)
        .await?
    };
    let rows = sqlx::query!(
        r#"
        SELECT emoji, count(*) AS "count!",
               (array_agg(user_id ORDER BY created_at, user_id))[1:$3] AS "user_ids!"
        FROM reactions WHERE room_id = $1 AND seq = $2
        GROUP BY emoji ORDER BY min(created_at), emoji
        "#,
        room.uuid(),
        seq,
        NAMED_USERS,
    )
    .fetch_all(&mut *conn)
    .await?;
    let reactions: Vec<Reaction> = rows
        .into_iter()
        .map(|row| Reaction {
            emoji: row.emoji,
            count: row.count,
            user_ids: row.user_ids.into_iter().map(UserId::from).collect(),
        })
        .collect();
    let changed = changed.rows_affected() > 0;
    if changed {
        let shown =
            serde_json::to_value(&reactions).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query!(
            "UPDATE messages SET reactions = $3 WHERE room_id = $1 AND seq = $2",
            room.uuid(),
            seq,
            shown,
        )
        .execute(conn)
        .await?;
    }
    Ok(Some((reactions, changed)))
}
