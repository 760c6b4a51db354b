//! Jobs of a room that store no message: each is done once, however often it is delivered.

use std::collections::HashSet;

use chat_core::ids::{JobId, RoomId};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// Marks these jobs as done and returns those that were not done before. The mark is the transaction's: if what
/// the job does fails, it was never done.
///
/// # Errors
/// If the database fails.
pub async fn claim(
    db: impl PgExecutor<'_>,
    jobs: &[(RoomId, JobId)],
    now: Timestamp,
) -> Result<HashSet<JobId>, sqlx::Error> {
    // In the order of the key, so that two batches that share jobs never wait for each other.
    let mut sorted = jobs.to_vec();
    sorted.sort_unstable();
    let (rooms, ids): (Vec<_>, Vec<_>) = sorted
        .into_iter()
        .map(|(room, job)| (room.uuid(), job.uuid()))
        .unzip();
    let fresh = sqlx::query_scalar!(
        r#"
        INSERT INTO jobs (room_id, job_id, done_at)
        SELECT room_id, job_id, $3 FROM unnest($1::uuid[], $2::uuid[]) AS job (room_id, job_id)
        ON CONFLICT (room_id, job_id) DO NOTHING
        RETURNING job_id
        "#,
        &rooms,
        &ids,
        now.utc(),
    )
    .fetch_all(db)
    .await?;
    Ok(fresh.into_iter().map(JobId::from).collect())
}

/// Whether a job of a room was done, be it that it stored a message or not.
///
/// # Errors
/// If the database fails.
pub async fn is_done(
    db: impl PgExecutor<'_>,
    room: RoomId,
    job: JobId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (SELECT FROM messages WHERE room_id = $1 AND job_id = $2)
            OR EXISTS (SELECT FROM jobs WHERE room_id = $1 AND job_id = $2) AS "is_done!"
        "#,
        room.uuid(),
        job.uuid(),
    )
    .fetch_one(db)
    .await
}

/// Forgets jobs that were done before `before`; returns how many.
///
/// # Errors
/// If the database fails.
pub async fn prune(db: impl PgExecutor<'_>, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM jobs WHERE done_at < $1", before.utc())
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
