//! The latest send of each member in each room that the broker has taken: what a send that bypasses the broker must not
//! overtake.

use std::sync::LazyLock;

use ::redis::Script;
use chat_core::ids::{JobId, RoomId, UserId};
use chat_core::limits;

use super::{Redis, RedisError};

/// Keeps the later of two: job ids ascend with time, and two confirms may be noted in the wrong order.
static NOTE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local noted = redis.call('GET', KEYS[1]) if noted and noted > ARGV[1] then return 0 end \
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1",
    )
});

fn key(room: RoomId, sender: UserId) -> String {
    format!("chat:acknowledged:{room}:{sender}")
}

/// Notes that the broker has taken this send.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn note(
    redis: &Redis,
    room: RoomId,
    sender: UserId,
    job: JobId,
) -> Result<(), RedisError> {
    let memory = u64::try_from(limits::CLIENT_MSG_ID_MEMORY.as_millis()).unwrap_or(u64::MAX);
    redis
        .run(NOTE.key(key(room, sender)).arg(job.to_string()).arg(memory))
        .await
}

/// The latest send that the broker has taken, by its job.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn latest(
    redis: &Redis,
    room: RoomId,
    sender: UserId,
) -> Result<Option<JobId>, RedisError> {
    let noted: Option<String> = ::redis::cmd("GET")
        .arg(key(room, sender))
        .query_async(&mut redis.connection())
        .await?;
    // A gateway of an earlier version notes more behind the id.
    Ok(noted.and_then(|noted| noted.split(' ').next()?.parse().ok()))
}
