//! How far members got a room delivered and have read it. A message's status is derived from these positions, never
//! stored: one write a member, however many messages.

use std::collections::HashMap;

use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::protocol::objects::MessageStatus;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// How far back statuses that rise are looked for: who reads on after months does not make a batch of the whole room.
const STATUS_SCAN: i64 = 1000;

/// Where a member stands after a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadPosition {
    /// The position before.
    pub before: i64,
    /// The position now; the same as before if the member had read farther already.
    pub last_read_seq: i64,
    /// Messages of others above it.
    pub unread: i64,
    /// The message at the position; `None` at 0.
    pub message_id: Option<MessageId>,
}

/// A position that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Moved {
    pub room_id: RoomId,
    pub user_id: UserId,
    pub before: i64,
    pub after: i64,
}

/// A message whose status rose, and who must hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StatusChange {
    pub message_id: MessageId,
    pub seq: i64,
    pub sender_id: UserId,
}

/// Moves the read position of `user` forward to `seq`, at most to the room's last message; `None` if the user is not
/// in the room or the room is gone.
///
/// # Errors
/// If the database fails.
pub async fn advance_read(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
    seq: i64,
    now: Timestamp,
) -> Result<Option<ReadPosition>, sqlx::Error> {
    // The own messages passed are subtracted, not counted anew: a send that commits meanwhile adds to the same
    // column, and the row's lock orders the two.
    let row = sqlx::query!(
        r#"
        WITH here AS (
            SELECT m.last_read_seq, m.own_after_read, r.last_seq, LEAST($3, r.last_seq) AS target
            FROM members m JOIN rooms r ON r.room_id = m.room_id
            WHERE m.room_id = $1 AND m.user_id = $2 AND r.deleted_at IS NULL
        ), moved AS (
            UPDATE members m
            SET last_read_seq = here.target,
                last_read_at = $4,
                last_delivered_seq = GREATEST(m.last_delivered_seq, here.target),
                own_after_read = m.own_after_read - (
                    SELECT count(*) FROM messages own
                    WHERE own.room_id = $1 AND own.seq > m.last_read_seq AND own.seq <= here.target
                      AND own.sender_id = $2)
            FROM here
            WHERE m.room_id = $1 AND m.user_id = $2 AND m.last_read_seq < here.target
            RETURNING m.last_read_seq, m.own_after_read
        )
        SELECT here.last_read_seq AS "before!",
               COALESCE(moved.last_read_seq, here.last_read_seq) AS "last_read_seq!",
               here.last_seq - COALESCE(moved.last_read_seq, here.last_read_seq)
                   - COALESCE(moved.own_after_read, here.own_after_read) AS "unread!",
               (SELECT message_id FROM messages
                WHERE room_id = $1 AND seq = COALESCE(moved.last_read_seq, here.last_read_seq)) AS message_id
        FROM here LEFT JOIN moved ON true
        "#,
        room.uuid(),
        user.uuid(),
        seq,
        now.utc(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| ReadPosition {
        before: row.before,
        last_read_seq: row.last_read_seq,
        unread: row.unread.max(0),
        message_id: row.message_id.map(MessageId::from),
    }))
}

/// How far a member has read a room, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadState {
    /// Everything up to here is read.
    pub last_read_seq: i64,
    /// When the position began: when the member joined.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

/// How far `user` has read `room`; `None` if they are not in it.
///
/// # Errors
/// If the database fails.
pub async fn read_state(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
) -> Result<Option<ReadState>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT last_read_seq, joined_at, COALESCE(last_read_at, joined_at) AS "updated_at!"
        FROM members WHERE room_id = $1 AND user_id = $2
        "#,
        room.uuid(),
        user.uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| ReadState {
        last_read_seq: row.last_read_seq,
        created_at: row.joined_at.into(),
        updated_at: row.updated_at.into(),
    }))
}

/// Moves delivered positions forward, many at once; returns those that moved. Positions beyond a room's last message
/// and of users who are not in it are ignored.
///
/// # Errors
/// If the database fails.
pub async fn advance_delivered(
    db: impl PgExecutor<'_>,
    positions: &[(RoomId, UserId, i64)],
) -> Result<Vec<Moved>, sqlx::Error> {
    let mut farthest: HashMap<(RoomId, UserId), i64> = HashMap::new();
    for &(room, user, seq) in positions {
        let known = farthest.entry((room, user)).or_insert(seq);
        *known = seq.max(*known);
    }
    let mut rooms = Vec::with_capacity(farthest.len());
    let mut users = Vec::with_capacity(farthest.len());
    let mut seqs = Vec::with_capacity(farthest.len());
    for ((room, user), seq) in farthest {
        rooms.push(room.uuid());
        users.push(user.uuid());
        seqs.push(seq);
    }
    // Rows are locked in the order of the key, as every other writer of several members does.
    let rows = sqlx::query!(
        r#"
        WITH here AS (
            SELECT m.room_id, m.user_id, m.last_delivered_seq, LEAST(told.seq, r.last_seq) AS target
            FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS told (room_id, user_id, seq)
            JOIN members m ON m.room_id = told.room_id AND m.user_id = told.user_id
            JOIN rooms r ON r.room_id = m.room_id
            WHERE m.last_delivered_seq < LEAST(told.seq, r.last_seq)
            ORDER BY m.room_id, m.user_id
            FOR NO KEY UPDATE OF m
        )
        UPDATE members m SET last_delivered_seq = here.target
        FROM here
        WHERE m.room_id = here.room_id AND m.user_id = here.user_id AND m.last_delivered_seq < here.target
        RETURNING m.room_id, m.user_id, here.last_delivered_seq AS "before!", here.target AS "after!"
        "#,
        &rooms,
        &users,
        &seqs,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Moved {
            room_id: row.room_id.into(),
            user_id: row.user_id.into(),
            before: row.before,
            after: row.after,
        })
        .collect())
}

/// The latest `limit` messages whose status rose when `by` moved a position from `after` to `upto`: those of others
/// that nobody else but their sender had got to yet. Ascending by seq.
///
/// # Errors
/// If the database fails.
pub async fn status_changes(
    db: impl PgExecutor<'_>,
    status: MessageStatus,
    by: Moved,
    limit: u32,
) -> Result<Vec<StatusChange>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT m.message_id, m.seq, m.sender_id
        FROM messages m
        WHERE m.room_id = $1 AND m.seq > $3 AND m.seq <= $4 AND m.sender_id <> $2
          AND NOT EXISTS (
            SELECT FROM members other
            WHERE other.room_id = $1 AND other.user_id <> $2 AND other.user_id <> m.sender_id
              AND CASE WHEN $5 THEN other.last_read_seq
                       ELSE GREATEST(other.last_read_seq, other.last_delivered_seq) END
                  >= GREATEST(m.seq, other.joined_seq + 1))
        ORDER BY m.seq DESC LIMIT $6
        "#,
        by.room_id.uuid(),
        by.user_id.uuid(),
        by.before.max(by.after - STATUS_SCAN),
        by.after,
        status == MessageStatus::Read,
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .rev()
        .map(|row| StatusChange {
            message_id: row.message_id.into(),
            seq: row.seq,
            sender_id: row.sender_id.into(),
        })
        .collect())
}

/// How far the members of some rooms got.
#[derive(Debug, Default)]
pub(super) struct Positions {
    rooms: HashMap<RoomId, Vec<Position>>,
}

#[derive(Debug)]
struct Position {
    user_id: UserId,
    delivered: i64,
    read: i64,
}

impl Positions {
    /// The positions that a member of these rooms reached since they joined.
    pub(super) async fn of(db: impl PgExecutor<'_>, rooms: &[RoomId]) -> Result<Self, sqlx::Error> {
        let rows = sqlx::query!(
            r#"
            SELECT room_id, user_id,
                   CASE WHEN last_read_seq > joined_seq THEN last_read_seq ELSE 0 END AS "read!",
                   CASE WHEN last_delivered_seq > joined_seq THEN last_delivered_seq ELSE 0 END AS "delivered!"
            FROM members
            WHERE room_id = ANY($1) AND (last_delivered_seq > joined_seq OR last_read_seq > joined_seq)
            "#,
            &super::uuids(rooms),
        )
        .fetch_all(db)
        .await?;
        let mut positions = Self::default();
        for row in rows {
            positions
                .rooms
                .entry(row.room_id.into())
                .or_default()
                .push(Position {
                    user_id: row.user_id.into(),
                    delivered: row.delivered,
                    read: row.read,
                });
        }
        Ok(positions)
    }

    /// The status of a message: how far the farthest member but its sender got.
    pub(super) fn status(&self, room: RoomId, seq: i64, sender: UserId) -> MessageStatus {
        self.rooms
            .get(&room)
            .into_iter()
            .flatten()
            .filter(|position| position.user_id != sender)
            .map(|position| {
                if position.read >= seq {
                    MessageStatus::Read
                } else if position.delivered >= seq {
                    MessageStatus::Delivered
                } else {
                    MessageStatus::Sent
                }
            })
            .max()
            .unwrap_or_default()
    }
}
