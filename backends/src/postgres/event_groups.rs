//! Where each consumer group of the event log stands, and which entries it has dealt with.
//!
//! A group's position, its receipts and whatever it keeps are written in one transaction, so that a crash repeats or
//! loses nothing.

use std::collections::{HashMap, HashSet};

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

impl Position {
    /// At this entry.
    pub const fn at(next_offset: i64) -> Self {
        Self {
            next_offset,
            from_time: None,
        }
    }
}

/// A group and an entry that it deals with.
pub type Claim<'group> = (&'group str, EventId);

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

/// Where the groups go on, in the order of `groups`; a new one begins at the start of the log. Locked until the
/// transaction ends.
///
/// # Errors
/// If the database fails.
pub async fn lock(
    conn: &mut PgConnection,
    groups: &[&str],
    now: Timestamp,
) -> Result<Vec<Position>, sqlx::Error> {
    let mut places = locked(conn, groups).await?;
    if places.len() < groups.len() {
        sqlx::query!(
            r#"
            INSERT INTO event_groups (group_name, next_offset, updated_at)
            SELECT group_name, 0, $2 FROM unnest($1::text[]) AS new (group_name)
            ON CONFLICT (group_name) DO NOTHING
            "#,
            groups as _,
            now.utc(),
        )
        .execute(&mut *conn)
        .await?;
        places = locked(conn, groups).await?;
    }
    groups
        .iter()
        .map(|group| places.get(*group).copied().ok_or(sqlx::Error::RowNotFound))
        .collect()
}

async fn locked(
    conn: &mut PgConnection,
    groups: &[&str],
) -> Result<HashMap<String, Position>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT group_name, next_offset, from_time FROM event_groups WHERE group_name = ANY($1::text[])
        ORDER BY group_name FOR UPDATE
        "#,
        groups as _,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let place = Position {
                next_offset: row.next_offset,
                from_time: row.from_time.map(Timestamp::from),
            };
            (row.group_name, place)
        })
        .collect())
}

/// Notes these entries as dealt with and returns those that were not before; no statement for none.
///
/// # Errors
/// If the database fails.
pub async fn claim<'group>(
    db: impl PgExecutor<'_>,
    claims: &[Claim<'group>],
    now: Timestamp,
) -> Result<HashSet<Claim<'group>>, sqlx::Error> {
    if claims.is_empty() {
        return Ok(HashSet::new());
    }
    let mut sorted = claims.to_vec();
    sorted.sort_unstable();
    let (groups, ids): (Vec<&str>, Vec<_>) =
        sorted.iter().map(|(group, id)| (*group, id.uuid())).unzip();
    let fresh = sqlx::query!(
        r#"
        INSERT INTO event_receipts (group_name, event_id, at)
        SELECT group_name, event_id, $3 FROM unnest($1::text[], $2::uuid[]) AS event (group_name, event_id)
        ON CONFLICT (group_name, event_id) DO NOTHING
        RETURNING group_name, event_id
        "#,
        &groups as _,
        &ids,
        now.utc(),
    )
    .fetch_all(db)
    .await?;
    let fresh: HashSet<(&str, EventId)> = fresh
        .iter()
        .map(|row| (row.group_name.as_str(), row.event_id.into()))
        .collect();
    Ok(claims
        .iter()
        .filter(|claim| fresh.contains(*claim))
        .copied()
        .collect())
}

/// Moves the groups to `next_offset`.
///
/// # Errors
/// If the database fails.
pub async fn advance(
    db: impl PgExecutor<'_>,
    groups: &[&str],
    next_offset: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE event_groups SET next_offset = $2, from_time = NULL, updated_at = $3
        WHERE group_name = ANY($1::text[])
        "#,
        groups as _,
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
