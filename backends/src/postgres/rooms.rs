//! Rooms: dms, of which each pair has one, and groups.

mod change;
mod dms;
mod view;

use std::collections::HashMap;

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::{JoinPolicy, MemberRole, RoomType};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use super::names::{self, Stored as _};
pub use change::{RoomPatch, delete, update};
pub use dms::{create_dm, dm};
pub use view::{RoomCursor, RoomHead, heads, heads_of_each, list, load, view};

/// A group to make; everything is checked already.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members are those of the room")]
pub struct NewGroup {
    pub id: RoomId,
    /// Becomes the owner.
    pub creator: UserId,
    /// The others; they are members at once. The creator and repetitions are ignored.
    pub members: Vec<UserId>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub avatar_url: Option<String>,
    pub join_policy: JoinPolicy,
    pub created_at: Timestamp,
}

/// What one user may know and do in a room before anything is looked at in detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomAccess {
    /// Dm or group.
    pub kind: RoomType,
    /// Who may join.
    pub join_policy: JoinPolicy,
    /// The user's role; `None`: not a member.
    pub role: Option<MemberRole>,
    /// The other one, in a dm.
    pub peer: Option<UserId>,
    /// Whether one of a dm's two blocked the other.
    pub blocked: bool,
    /// Until when the user may not send, in this room or anywhere; may lie in the past.
    pub silenced_until: Option<Timestamp>,
    /// Seconds that a member must wait between two messages; 0: none.
    pub slow_mode_secs: u32,
    /// When the user last sent a message here.
    pub last_sent_at: Option<Timestamp>,
    /// Number of members.
    pub member_count: u32,
    /// The newest message's seq.
    pub last_seq: i64,
    /// How far the user has read.
    pub last_read_seq: i64,
}

/// Makes a group with all its members.
///
/// # Errors
/// If the database fails.
pub async fn create_group(db: impl PgExecutor<'_>, group: &NewGroup) -> Result<(), sqlx::Error> {
    let mut members = super::uuids(&group.members);
    members.sort_unstable();
    members.dedup();
    members.retain(|member| *member != group.creator.uuid());
    sqlx::query!(
        r#"
        WITH room AS (
            INSERT INTO rooms (room_id, kind, title, description, avatar_url, join_policy, created_by,
                               created_at, updated_at, last_activity_at, member_count)
            VALUES ($1, 'group', $2, $3, $4, $5, $6, $7, $7, $7, 1 + cardinality($8::uuid[]))
        ), owner AS (
            INSERT INTO members (room_id, user_id, role, joined_at) VALUES ($1, $6, 'owner', $7)
        )
        INSERT INTO members (room_id, user_id, joined_at) SELECT $1, unnest($8::uuid[]), $7
        "#,
        group.id.uuid(),
        group.title,
        group.description,
        group.avatar_url,
        group.join_policy.name(),
        group.creator.uuid(),
        group.created_at.utc(),
        &members,
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// What `user` may know and do in `room`; `None` if there is no such room or it was deleted.
///
/// # Errors
/// If the database fails.
pub async fn access(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
) -> Result<Option<RoomAccess>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT r.kind, r.join_policy, r.slow_mode_secs, r.member_count, r.last_seq,
               m.role AS "role?", m.last_sent_at AS "last_sent_at?", m.last_read_seq AS "last_read_seq?",
               GREATEST(m.silenced_until, u.muted_until) AS silenced_until,
               peer.user_id AS "peer?",
               EXISTS (SELECT FROM blocks b
                       WHERE (b.blocker_id = $2 AND b.blocked_id = peer.user_id)
                          OR (b.blocker_id = peer.user_id AND b.blocked_id = $2)) AS "blocked!"
        FROM rooms r
        LEFT JOIN members m ON m.room_id = r.room_id AND m.user_id = $2
        LEFT JOIN users u ON u.user_id = $2
        LEFT JOIN members peer ON r.kind = 'dm' AND peer.room_id = r.room_id AND peer.user_id <> $2
        WHERE r.room_id = $1 AND r.deleted_at IS NULL
        LIMIT 1
        "#,
        room.uuid(),
        user.uuid(),
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let role = row
            .role
            .map(|name| names::read("role", &name))
            .transpose()?;
        Ok(RoomAccess {
            kind: names::read("kind", &row.kind)?,
            join_policy: names::read("join_policy", &row.join_policy)?,
            // Nobody else learns who is in a dm.
            peer: row.peer.filter(|_| role.is_some()).map(UserId::from),
            role,
            blocked: row.blocked,
            silenced_until: row.silenced_until.map(Timestamp::from),
            slow_mode_secs: u32::try_from(row.slow_mode_secs).unwrap_or(0),
            last_sent_at: row.last_sent_at.map(Timestamp::from),
            member_count: u32::try_from(row.member_count).unwrap_or(0),
            last_seq: row.last_seq,
            last_read_seq: row.last_read_seq.unwrap_or(0),
        })
    })
    .transpose()
}

/// How many rooms there are.
///
/// # Errors
/// If the database fails.
pub async fn count(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM rooms WHERE deleted_at IS NULL"#)
        .fetch_one(db)
        .await
}

/// The newest seq of these rooms; deleted and unknown ones are left out.
///
/// # Errors
/// If the database fails.
pub async fn last_seqs(
    db: impl PgExecutor<'_>,
    rooms: &[RoomId],
) -> Result<HashMap<RoomId, i64>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT room_id, last_seq FROM rooms WHERE room_id = ANY($1) AND deleted_at IS NULL",
        &super::uuids(rooms),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.room_id.into(), row.last_seq))
        .collect())
}

/// Locks these rooms for this transaction and returns each one's last seq; deleted and unknown rooms are left out.
///
/// Everything that numbers messages or counts members takes this lock first. Rooms are locked in the order of
/// their ids, so that two transactions never wait for each other.
///
/// # Errors
/// If the database fails.
pub async fn lock(
    db: impl PgExecutor<'_>,
    rooms: &[RoomId],
) -> Result<HashMap<RoomId, i64>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT room_id, last_seq FROM rooms WHERE room_id = ANY($1) AND deleted_at IS NULL
        ORDER BY room_id FOR NO KEY UPDATE
        "#,
        &super::uuids(rooms),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.room_id.into(), row.last_seq))
        .collect())
}
