//! Where each consumer group of the event log stands, and which entries it has dealt with.
//!
//! A group's position, its receipts and whatever it keeps are written in one transaction, so that a crash repeats or
//! loses nothing.

use std::collections::HashSet;

use chat_core::ids::EventId;
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

/// Where a group goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The first entry that it has not dealt with.
    pub next_offset: i64,
    /// Where a replay begins instead, if one was asked for by time.
    pub from_time: Option<Timestamp>,
}

/// Makes this connection the group's leader, if there is none; it stays so until the connection ends.
///
/// # Errors
/// If the database fails.
pub async fn try_lead(db: impl PgExecutor<'_>, group: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_lock(hashtextextended('event-group:' || $1, 0)) AS "leads!""#,
        group
    )
    .fetch_one(db)
    .await
}

/// Where the group goes on; a new one begins at the start of the log. Locked until the transaction ends.
///
/// # Errors
/// If the database fails.
pub async fn lock(
    conn: &mut PgConnection,
    group: &str,
    now: Timestamp,
) -> Result<Position, sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO event_groups (group_name, next_offset, updated_at) VALUES ($1, 0, $2)
        ON CONFLICT (group_name) DO NOTHING
        "#,
        group,
        now.utc(),
    )
    .execute(&mut *conn)
    .await?;
    let row = sqlx::query!(
        "SELECT next_offset, from_time FROM event_groups WHERE group_name = $1 FOR UPDATE",
        group
    )
    .fetch_one(conn)
    .await?;
    Ok(Position {
        next_offset: row.next_offset,
        from_time: row.from_time.map(Timestamp::from),
    })
}

/// Notes these entries as dealt with and returns those that were not before.
///
/// # Errors
/// If the database fails.
pub async fn claim(
    db: impl PgExecutor<'_>,
    group: &str,
    events: &[EventId],
    now: Timestamp,
) -> Result<HashSet<EventId>, sqlx::Error> {
    let mut ids = super::uuids(events);
    ids.sort_unstable();
    let fresh = sqlx::query_scalar!(
        r#"
        INSERT INTO event_receipts (group_name, event_id, at)
        SELECT $1, event_id, $3 FROM unnest($2::uuid[]) AS event (event_id)
        ON CONFLICT (group_name, event_id) DO NOTHING
        RETURNING event_id
        "#,
        group,
        &ids,
        now.utc(),
    )
    .fetch_all(db)
    .await?;
    Ok(fresh.into_iter().map(EventId::from).collect())
}

/// Moves the group to `next_offset`.
///
/// # Errors
/// If the database fails.
pub async fn advance(
    db: impl PgExecutor<'_>,
    group: &str,
    next_offset: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE event_groups SET next_offset = $2, from_time = NULL, updated_at = $3 WHERE group_name = $1",
        group,
        next_offset,
        now.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Sends the group back (or forward); it reads from there at its next batch. What it dealt with is not counted again.
///
/// # Errors
/// If the database fails.
pub async fn replay(
    db: impl PgExecutor<'_>,
    group: &str,
    from: Position,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO event_groups (group_name, next_offset, from_time, updated_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (group_name) DO UPDATE
        SET next_offset = excluded.next_offset, from_time = excluded.from_time, updated_at = excluded.updated_at
        "#,
        group,
        from.next_offset,
        from.from_time.map(Timestamp::utc),
        now.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Forgets receipts from before `before`, which the log does not reach back to any more; returns how many.
///
/// # Errors
/// If the database fails.
pub async fn prune(db: impl PgExecutor<'_>, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM event_receipts WHERE at < $1", before.utc())
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
