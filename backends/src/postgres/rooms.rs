//! Rooms: dms, of which each pair has one, and groups.

mod change;

use std::collections::HashMap;

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::{JoinPolicy, MemberRole, Message, Room, RoomType};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use super::messages;
use super::names::{self, Stored as _};
pub use change::{RoomPatch, delete, update};

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

/// Where a room stands for one of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomHead {
    pub room_id: RoomId,
    pub last_seq: i64,
    pub last_read_seq: i64,
    pub unread: i64,
}

/// A place in a user's list of rooms, newest activity first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomCursor {
    /// When the last room listed was last active.
    pub active_at: Timestamp,
    /// The last room listed.
    pub room_id: RoomId,
}

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

/// The room as `user` sees it, without the list of members; `None` if there is no such room or the user is not in it.
///
/// # Errors
/// If the database fails.
pub async fn view(
    conn: &mut PgConnection,
    room: RoomId,
    user: UserId,
) -> Result<Option<Room>, sqlx::Error> {
    Ok(load(conn, user, &[room]).await?.pop())
}

/// A page of the rooms of `user`, newest activity first, and where the next page begins if there is one.
///
/// # Errors
/// If the database fails.
pub async fn list(
    conn: &mut PgConnection,
    user: UserId,
    after: Option<RoomCursor>,
    limit: u32,
) -> Result<(Vec<Room>, Option<RoomCursor>), sqlx::Error> {
    let mut places = sqlx::query!(
        r#"
        SELECT r.room_id, r.last_activity_at
        FROM members m JOIN rooms r ON r.room_id = m.room_id
        WHERE m.user_id = $1 AND r.deleted_at IS NULL
          AND ($2::timestamptz IS NULL OR (r.last_activity_at, r.room_id) < ($2, $3::uuid))
        ORDER BY r.last_activity_at DESC, r.room_id DESC LIMIT $4
        "#,
        user.uuid(),
        after.map(|cursor| cursor.active_at.utc()),
        after.map(|cursor| cursor.room_id.uuid()),
        i64::from(limit) + 1,
    )
    .fetch_all(&mut *conn)
    .await?;
    let more = places.len() > limit as usize;
    places.truncate(limit as usize);
    let next = places.last().filter(|_| more).map(|place| RoomCursor {
        active_at: place.last_activity_at.into(),
        room_id: place.room_id.into(),
    });
    let rooms: Vec<RoomId> = places.iter().map(|place| place.room_id.into()).collect();
    Ok((load(conn, user, &rooms).await?, next))
}

/// Where the rooms of `user` stand, newest activity first.
///
/// # Errors
/// If the database fails.
pub async fn heads(
    db: impl PgExecutor<'_>,
    user: UserId,
    limit: usize,
) -> Result<Vec<RoomHead>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT r.room_id, r.last_seq, m.last_read_seq,
               r.last_seq - m.last_read_seq - m.own_after_read AS "unread!"
        FROM members m JOIN rooms r ON r.room_id = m.room_id
        WHERE m.user_id = $1 AND r.deleted_at IS NULL
        ORDER BY r.last_activity_at DESC, r.room_id DESC LIMIT $2
        "#,
        user.uuid(),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RoomHead {
            room_id: row.room_id.into(),
            last_seq: row.last_seq,
            last_read_seq: row.last_read_seq,
            unread: row.unread,
        })
        .collect())
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

/// These rooms as `user` sees them, in the order of `rooms`; those the user is not in are left out.
///
/// # Errors
/// If the database fails.
pub async fn load(
    conn: &mut PgConnection,
    user: UserId,
    rooms: &[RoomId],
) -> Result<Vec<Room>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT r.room_id, r.kind, r.title, r.description, r.avatar_url, r.join_policy, r.created_by, r.created_at,
               r.updated_at, r.last_seq, r.member_count, m.role, m.last_read_seq, m.muted_until,
               r.last_seq - m.last_read_seq - m.own_after_read AS "unread!"
        FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (room_id, place)
        JOIN rooms r ON r.room_id = wanted.room_id
        JOIN members m ON m.room_id = r.room_id AND m.user_id = $1
        WHERE r.deleted_at IS NULL ORDER BY wanted.place
        "#,
        user.uuid(),
        &super::uuids(rooms),
    )
    .fetch_all(&mut *conn)
    .await?;
    let newest: Vec<(RoomId, i64)> = rows
        .iter()
        .filter(|row| row.last_seq > 0)
        .map(|row| (row.room_id.into(), row.last_seq))
        .collect();
    let mut last_messages: HashMap<RoomId, Message> =
        messages::load(conn, Some(user), &newest, false)
            .await?
            .into_iter()
            .map(|message| (message.room_id, message))
            .collect();
    rows.into_iter()
        .map(|row| {
            let id = RoomId::from(row.room_id);
            Ok(Room {
                id,
                kind: names::read("kind", &row.kind)?,
                title: row.title,
                description: row.description,
                avatar_url: row.avatar_url,
                join_policy: names::read("join_policy", &row.join_policy)?,
                created_by: row.created_by.into(),
                created_at: row.created_at.into(),
                updated_at: row.updated_at.into(),
                last_seq: row.last_seq,
                last_message: last_messages.remove(&id),
                member_count: i64::from(row.member_count),
                members: None,
                my_role: names::read("role", &row.role)?,
                unread: row.unread,
                last_read_seq: row.last_read_seq,
                muted_until: row.muted_until.map(Timestamp::from),
            })
        })
        .collect()
}
