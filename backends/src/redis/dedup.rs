//! The first job id of a send wins: a guard in front of the database's own constraint.
//!
//! It only spares work and answers a repeat with the first one's id. It is no proof that the first one was stored:
//! whoever claims and then fails to publish either releases the claim or publishes the repeat under the first id.

use std::sync::LazyLock;

use ::redis::Script;
use chat_core::ids::{JobId, RoomId, UserId};
use chat_core::{limits, names};

use super::{Redis, RedisError};

/// Whose send it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nobody sent it before.
    First,
    /// It was sent before, under this job id.
    Repeat(JobId),
}

/// Removes the claim only if it is still this job's.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    )
});

/// Claims a client message id for `job`, for 24 hours.
///
/// # Errors
/// [`RedisError`] if Redis is away: going on without the guard is safe, the database has its own.
pub async fn claim(
    redis: &Redis,
    user: UserId,
    room: RoomId,
    client_msg_id: &str,
    job: JobId,
) -> Result<Claim, RedisError> {
    let first: Option<String> = ::redis::cmd("SET")
        .arg(names::dedup(user, room, client_msg_id))
        .arg(job.to_string())
        .arg("NX")
        .arg("GET")
        .arg("EX")
        .arg(limits::CLIENT_MSG_ID_MEMORY.as_secs())
        .query_async(&mut redis.connection())
        .await?;
    // What we did not write ourselves is no claim.
    let first = first.and_then(|text| text.parse::<JobId>().ok());
    Ok(match first {
        Some(first) if first != job => Claim::Repeat(first),
        _ => Claim::First,
    })
}

/// The job that has claimed a client message id, if any.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn look_up(
    redis: &Redis,
    user: UserId,
    room: RoomId,
    client_msg_id: &str,
) -> Result<Option<JobId>, RedisError> {
    let first: Option<String> = ::redis::cmd("GET")
        .arg(names::dedup(user, room, client_msg_id))
        .query_async(&mut redis.connection())
        .await?;
    Ok(first.and_then(|text| text.parse().ok()))
}

/// Gives a claim back after a refusal, so that the next try is a first one again.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn release(
    redis: &Redis,
    user: UserId,
    room: RoomId,
    client_msg_id: &str,
    job: JobId,
) -> Result<(), RedisError> {
    redis
        .run(
            RELEASE
                .key(names::dedup(user, room, client_msg_id))
                .arg(job.to_string()),
        )
        .await
}
