//! Rooms as their members see them, one by one and as a list.

use std::collections::HashMap;

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::{Message, Room};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use crate::postgres::{messages, names};

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
    let heads = heads_of_each(db, &[user], limit).await?;
    Ok(heads.into_iter().flatten().collect())
}

/// The same for many users, at most `limit` rooms of each, in the order of the users.
///
/// # Errors
/// If the database fails.
pub async fn heads_of_each(
    db: impl PgExecutor<'_>,
    users: &[UserId],
    limit: usize,
) -> Result<Vec<Vec<RoomHead>>, sqlx::Error> {
    // LIMIT 1 keeps the planner on one index probe a room, even on statistics from when the table was empty.
    let rows = sqlx::query!(
        r#"
        SELECT asked.place AS "place!", own.room_id AS "room_id!", own.last_seq AS "last_seq!",
               own.last_read_seq AS "last_read_seq!", own.unread AS "unread!"
        FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (user_id, place)
        CROSS JOIN LATERAL (
            SELECT r.room_id, r.last_seq, m.last_read_seq, r.last_activity_at,
                   r.last_seq - m.last_read_seq - m.own_after_read AS unread
            FROM members m CROSS JOIN LATERAL (
                SELECT room_id, last_seq, last_activity_at FROM rooms
                WHERE room_id = m.room_id AND deleted_at IS NULL LIMIT 1
            ) AS r
            WHERE m.user_id = asked.user_id
            ORDER BY r.last_activity_at DESC, r.room_id DESC LIMIT $2
        ) AS own
        ORDER BY asked.place, own.last_activity_at DESC, own.room_id DESC
        "#,
        &crate::postgres::uuids(users),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(db)
    .await?;
    let mut heads = vec![Vec::new(); users.len()];
    for row in rows {
        let place = usize::try_from(row.place - 1).unwrap_or(usize::MAX);
        if let Some(heads) = heads.get_mut(place) {
            heads.push(RoomHead {
                room_id: row.room_id.into(),
                last_seq: row.last_seq,
                last_read_seq: row.last_read_seq,
                unread: row.unread,
            });
        }
    }
    Ok(heads)
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
               r.updated_at, r.last_seq, r.member_count, r.slow_mode_secs, m.role, m.last_read_seq, m.muted_until,
               r.last_seq - m.last_read_seq - m.own_after_read AS "unread!"
        FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (room_id, place)
        JOIN rooms r ON r.room_id = wanted.room_id
        JOIN members m ON m.room_id = r.room_id AND m.user_id = $1
        WHERE r.deleted_at IS NULL ORDER BY wanted.place
        "#,
        user.uuid(),
        &crate::postgres::uuids(rooms),
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
                slow_mode_seconds: u32::try_from(row.slow_mode_secs).unwrap_or(0),
            })
        })
        .collect()
}
