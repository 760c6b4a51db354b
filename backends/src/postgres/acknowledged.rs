//! The latest send of each member in each room that the broker has taken, for as long as Redis can't be told
//! ([`crate::redis::acknowledged`]): what a send that bypasses the broker must not overtake.

use chat_core::ids::{JobId, RoomId, UserId};
#[cfg(doc)]
use chat_core::limits;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// A send that the broker has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Where it was sent.
    pub room: RoomId,
    /// By whom.
    pub sender: UserId,
    /// The job that the broker has.
    pub job: JobId,
}

/// Notes sends, at most one for each member of each room; a later one that is noted already stays.
///
/// # Errors
/// If the database fails.
pub async fn note(
    db: impl PgExecutor<'_>,
    sends: &[Acknowledged],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    // In the order of the key, so that two gateways never wait for each other.
    let mut sends: Vec<&Acknowledged> = sends.iter().collect();
    sends.sort_unstable_by_key(|send| (send.room, send.sender));
    let column = |of: fn(&Acknowledged) -> uuid::Uuid| -> Vec<_> {
        sends.iter().map(|send| of(send)).collect()
    };
    sqlx::query!(
        r#"
        INSERT INTO acknowledged_sends AS a (room_id, user_id, job_id, noted_at)
        SELECT room_id, user_id, job_id, $4
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS new (room_id, user_id, job_id)
        ON CONFLICT (room_id, user_id) DO UPDATE
        SET job_id = excluded.job_id, noted_at = excluded.noted_at
        WHERE a.job_id < excluded.job_id
        "#,
        &column(|send| send.room.uuid()),
        &column(|send| send.sender.uuid()),
        &column(|send| send.job.uuid()),
        now.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// The latest send that was noted here, by its job, for as long as Redis would keep it
/// ([`limits::CLIENT_MSG_ID_MEMORY`]).
///
/// # Errors
/// If the database fails.
pub async fn latest(
    db: impl PgExecutor<'_>,
    room: RoomId,
    sender: UserId,
    now: Timestamp,
) -> Result<Option<JobId>, sqlx::Error> {
    let job = sqlx::query_scalar!(
        r#"
        SELECT job_id FROM acknowledged_sends
        WHERE room_id = $1 AND user_id = $2 AND noted_at > $3::timestamptz - interval '24 hours'
        "#,
        room.uuid(),
        sender.uuid(),
        now.utc(),
    )
    .fetch_optional(db)
    .await?;
    Ok(job.map(JobId::from))
}

/// Forgets what was noted before `before`; returns how many.
///
/// # Errors
/// If the database fails.
pub async fn prune(db: impl PgExecutor<'_>, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM acknowledged_sends WHERE noted_at < $1",
        before.utc()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
