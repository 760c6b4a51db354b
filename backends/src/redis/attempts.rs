//! How often a failing job was tried: kept outside the worker, so that a crash or a new owner of its partition does
//! not start its ladder over.

use std::time::Duration;

use chat_core::ids::JobId;
use chat_core::time::Timestamp;

use super::{Redis, RedisError};

/// Longer than the longest ladder, with time for an outage between two attempts.
const LASTS: Duration = Duration::from_secs(24 * 3600);

/// The failures of a job so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// How many there were.
    pub count: u32,
    /// When the first was.
    pub first_failed: Timestamp,
}

fn key(job: JobId) -> String {
    format!("chat:attempts:{job}")
}

/// The failures that were noted; `None` if there were none.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn read(redis: &Redis, job: JobId) -> Result<Option<Attempts>, RedisError> {
    let (count, first): (Option<u32>, Option<i64>) = ::redis::cmd("HMGET")
        .arg(key(job))
        .arg("count")
        .arg("first")
        .query_async(&mut redis.connection())
        .await?;
    Ok(count
        .zip(first.and_then(Timestamp::from_unix_millis))
        .map(|(count, first_failed)| Attempts {
            count,
            first_failed,
        }))
}

/// Notes the failures so far.
///
/// # Errors
/// [`RedisError`] if Redis is away: then a new owner starts the job's ladder over.
pub async fn write(redis: &Redis, job: JobId, attempts: Attempts) -> Result<(), RedisError> {
    let mut pipeline = ::redis::pipe();
    pipeline
        .cmd("HSET")
        .arg(key(job))
        .arg("count")
        .arg(attempts.count)
        .arg("first")
        .arg(attempts.first_failed.unix_millis())
        .ignore()
        .cmd("EXPIRE")
        .arg(key(job))
        .arg(LASTS.as_secs())
        .ignore();
    pipeline.exec_async(&mut redis.connection()).await?;
    Ok(())
}

/// Forgets a job that is done or dead: its replay gets a whole ladder again.
///
/// # Errors
/// [`RedisError`] if Redis is away: the note runs out by itself.
pub async fn forget(redis: &Redis, job: JobId) -> Result<(), RedisError> {
    ::redis::cmd("DEL")
        .arg(key(job))
        .exec_async(&mut redis.connection())
        .await?;
    Ok(())
}
