//! Who is in which room.

mod standing;

use std::collections::{HashMap, HashSet};

use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::objects::{Member, MemberRole};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use super::names::{self, Stored as _};
use super::rooms;
pub use standing::{Left, leave, mute, set_role, silence, transfer};

/// What came of adding members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// These are new; whoever was a member before is not among them.
    New(Vec<UserId>),
    /// The room would have more than [`limits::GROUP_MEMBERS`]; nobody was added.
    Full,
    /// There is no such room any more.
    RoomGone,
}

/// The ids of a room's members.
///
/// # Errors
/// If the database fails.
pub async fn ids(db: impl PgExecutor<'_>, room: RoomId) -> Result<Vec<UserId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT user_id FROM members WHERE room_id = $1",
        room.uuid()
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(UserId::from).collect())
}

/// The ids of the members of several rooms, those who came first at the front.
///
/// # Errors
/// If the database fails.
pub async fn ids_of_all(
    db: impl PgExecutor<'_>,
    rooms: &[RoomId],
) -> Result<HashMap<RoomId, Vec<UserId>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT room_id, array_agg(user_id ORDER BY joined_at, user_id) AS "user_ids!"
        FROM members WHERE room_id = ANY($1) GROUP BY room_id
        "#,
        &super::uuids(rooms),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let ids = row.user_ids.into_iter().map(UserId::from).collect();
            (row.room_id.into(), ids)
        })
        .collect())
}

/// Those of these pairs who are members, in no certain order.
///
/// # Errors
/// If the database fails.
pub async fn among(
    db: impl PgExecutor<'_>,
    pairs: &[(RoomId, UserId)],
) -> Result<HashSet<(RoomId, UserId)>, sqlx::Error> {
    let (rooms, users): (Vec<_>, Vec<_>) = pairs
        .iter()
        .map(|(room, user)| (room.uuid(), user.uuid()))
        .unzip();
    let rows = sqlx::query!(
        r#"
        SELECT m.room_id, m.user_id FROM unnest($1::uuid[], $2::uuid[]) AS asked (room_id, user_id)
        JOIN members m ON m.room_id = asked.room_id AND m.user_id = asked.user_id
        "#,
        &rooms,
        &users,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.room_id.into(), row.user_id.into()))
        .collect())
}

/// The members of a room, those who came first at the front.
///
/// # Errors
/// If the database fails.
pub async fn list(db: impl PgExecutor<'_>, room: RoomId) -> Result<Vec<Member>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT m.user_id, u.username, u.name, u.avatar_url, m.role, m.joined_at, m.last_read_seq
        FROM members m JOIN users u ON u.user_id = m.user_id
        WHERE m.room_id = $1 ORDER BY m.joined_at, m.user_id
        "#,
        room.uuid(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Member {
                user_id: row.user_id.into(),
                username: row.username,
                name: row.name,
                avatar_url: row.avatar_url,
                role: names::read("role", &row.role)?,
                joined_at: row.joined_at.into(),
                last_read_seq: row.last_read_seq,
            })
        })
        .collect()
}

/// The rooms of a user.
///
/// # Errors
/// If the database fails.
pub async fn rooms_of(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<RoomId>, sqlx::Error> {
    let rooms = rooms_of_each(db, &[user]).await?;
    Ok(rooms.into_iter().flatten().collect())
}

/// The rooms of many users, in the order of the users.
///
/// # Errors
/// If the database fails.
pub async fn rooms_of_each(
    db: impl PgExecutor<'_>,
    users: &[UserId],
) -> Result<Vec<Vec<RoomId>>, sqlx::Error> {
    // LIMIT 1 keeps the planner on one index probe a room, even on statistics from when the table was empty.
    let rows = sqlx::query!(
        r#"
        SELECT m.user_id, m.room_id FROM members m CROSS JOIN LATERAL (
            SELECT FROM rooms WHERE room_id = m.room_id AND deleted_at IS NULL LIMIT 1
        ) AS r
        WHERE m.user_id = ANY($1)
        "#,
        &super::uuids(users),
    )
    .fetch_all(db)
    .await?;
    let pairs = rows
        .iter()
        .map(|row| (row.user_id.into(), row.room_id.into()));
    Ok(super::of_each(users, pairs))
}

/// The role of `user` in `room`; `None`: not a member, or no such room.
///
/// # Errors
/// If the database fails.
pub async fn role(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
) -> Result<Option<MemberRole>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT role FROM members WHERE room_id = $1 AND user_id = $2",
        room.uuid(),
        user.uuid(),
    )
    .fetch_optional(db)
    .await?
    .map(|name| names::read("role", &name))
    .transpose()
}

/// Adds members with this role, under the room's lock; the transaction is the caller's.
///
/// What was written before they came counts neither as unread nor as read by them.
///
/// # Errors
/// If the database fails.
pub async fn add(
    conn: &mut PgConnection,
    room: RoomId,
    users: &[UserId],
    role: MemberRole,
    now: Timestamp,
) -> Result<Added, sqlx::Error> {
    if rooms::lock(&mut *conn, &[room]).await?.is_empty() {
        return Ok(Added::RoomGone);
    }
    let mut wanted = super::uuids(users);
    wanted.sort_unstable();
    wanted.dedup();
    let fits = sqlx::query_scalar!(
        r#"
        SELECT r.member_count + (
            SELECT count(*) FROM unnest($2::uuid[]) AS wanted (user_id)
            WHERE NOT EXISTS (SELECT FROM members m WHERE m.room_id = $1 AND m.user_id = wanted.user_id)
        ) <= $3 AS "fits!"
        FROM rooms r WHERE r.room_id = $1
        "#,
        room.uuid(),
        &wanted,
        i64::try_from(limits::GROUP_MEMBERS).unwrap_or(i64::MAX),
    )
    .fetch_one(&mut *conn)
    .await?;
    if !fits {
        return Ok(Added::Full);
    }
    let added = sqlx::query_scalar!(
        r#"
        WITH added AS (
            INSERT INTO members (room_id, user_id, role, joined_at, joined_seq, last_delivered_seq, last_read_seq)
            SELECT r.room_id, wanted.user_id, $3, $4, r.last_seq, r.last_seq, r.last_seq
            FROM rooms r, unnest($2::uuid[]) AS wanted (user_id) WHERE r.room_id = $1
            ON CONFLICT (room_id, user_id) DO NOTHING
            RETURNING user_id
        ), counted AS (
            UPDATE rooms SET member_count = member_count + (SELECT count(*) FROM added), updated_at = $4
            WHERE room_id = $1
        )
        SELECT user_id FROM added
        "#,
        room.uuid(),
        &wanted,
        role.name(),
        now.utc(),
    )
    .fetch_all(conn)
    .await?;
    Ok(Added::New(added.into_iter().map(UserId::from).collect()))
}

/// Takes `user` out of `room`; whether they were in it. The room's lock must be held.
///
/// # Errors
/// If the database fails.
pub async fn remove(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let removed = sqlx::query_scalar!(
        r#"
        WITH gone AS (DELETE FROM members WHERE room_id = $1 AND user_id = $2 RETURNING user_id)
        UPDATE rooms SET member_count = member_count - 1, updated_at = $3
        WHERE room_id = $1 AND EXISTS (SELECT FROM gone)
        RETURNING room_id
        "#,
        room.uuid(),
        user.uuid(),
        now.utc(),
    )
    .fetch_optional(db)
    .await?;
    Ok(removed.is_some())
}
