//! Changes of a room as a whole.

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::JoinPolicy;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use crate::postgres::names::Stored as _;

/// What to change; `None` leaves a member of the room as it is.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the members are those of the room")]
pub struct RoomPatch {
    pub title: Option<String>,
    /// An empty text takes it away.
    pub description: Option<String>,
    /// An empty text takes it away.
    pub avatar_url: Option<String>,
    pub join_policy: Option<JoinPolicy>,
    /// 0: no slow mode.
    pub slow_mode_secs: Option<u32>,
}

/// Changes a group; whether there is such a group.
///
/// # Errors
/// If the database fails.
pub async fn update(
    db: impl PgExecutor<'_>,
    room: RoomId,
    patch: &RoomPatch,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        UPDATE rooms
        SET title = COALESCE($2, title),
            description = CASE WHEN $3::text IS NULL THEN description ELSE NULLIF($3, '') END,
            avatar_url = CASE WHEN $4::text IS NULL THEN avatar_url ELSE NULLIF($4, '') END,
            join_policy = COALESCE($5, join_policy),
            slow_mode_secs = COALESCE($6, slow_mode_secs),
            updated_at = $7
        WHERE room_id = $1 AND kind = 'group' AND deleted_at IS NULL
        "#,
        room.uuid(),
        patch.title,
        patch.description,
        patch.avatar_url,
        patch.join_policy.map(JoinPolicy::name),
        patch
            .slow_mode_secs
            .map(|secs| i32::try_from(secs).unwrap_or(i32::MAX)),
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a room and returns who was in it; `None` if there was no such room. Its messages stay where nobody finds
/// them, and no number of theirs is ever given again.
///
/// # Errors
/// If the database fails.
pub async fn delete(
    db: impl PgExecutor<'_>,
    room: RoomId,
    now: Timestamp,
) -> Result<Option<Vec<UserId>>, sqlx::Error> {
    let former = sqlx::query_scalar!(
        r#"
        WITH gone AS (
            UPDATE rooms SET deleted_at = $2, updated_at = $2, member_count = 0
            WHERE room_id = $1 AND deleted_at IS NULL RETURNING room_id
        ), invites_gone AS (
            DELETE FROM invites WHERE room_id IN (SELECT room_id FROM gone)
        ), requests_gone AS (
            DELETE FROM join_requests WHERE room_id IN (SELECT room_id FROM gone)
        ), pair_gone AS (
            DELETE FROM dm_pairs WHERE room_id IN (SELECT room_id FROM gone)
        ), words_gone AS (
            DELETE FROM message_words WHERE room_id IN (SELECT room_id FROM gone)
        ), members_gone AS (
            DELETE FROM members WHERE room_id IN (SELECT room_id FROM gone) RETURNING user_id
        )
        SELECT ARRAY(SELECT user_id FROM members_gone) AS "former!" FROM gone
        "#,
        room.uuid(),
        now.utc(),
    )
    .fetch_optional(db)
    .await?;
    Ok(former.map(|users| users.into_iter().map(UserId::from).collect()))
}
