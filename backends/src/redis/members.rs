//! The membership cache: who is in a room, for access checks and fan-out.
//!
//! Postgres is the truth. A change of membership commits there first and then invalidates here. A fill that was read
//! before a change must not land after it: each invalidation raises a version, and a fill names the version that it
//! started from.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use chat_core::ids::{RoomId, UserId};
use chat_core::names;

use super::{Redis, RedisError};

/// How long a room's members are cached.
const LASTS: Duration = Duration::from_secs(30 * 60);

/// What the cache knows about one user in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// The user is in the room.
    Member,
    /// The user is not in the room.
    NotMember,
    /// The room is not cached: read the version, ask the database, fill.
    Unknown,
}

/// What a room's cache was before the database was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub(super) i64);

/// One call, because between asking for the set and asking for the member the set could come or go.
static CHECK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end return redis.call('SISMEMBER', KEYS[1], ARGV[1])",
    )
});

/// Replaces the set, if nothing was invalidated since the version was read.
static FILL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/members_fill.lua")));

/// Removes what is known and raises the version, which outlives any fill that is under way.
static INVALIDATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('DEL', KEYS[1], KEYS[3]) redis.call('INCR', KEYS[2]) return redis.call('PEXPIRE', KEYS[2], ARGV[1])",
    )
});

/// Where a room's version stands; what [`super::admission`] knows about its senders depends on it, too.
pub(super) fn version_key(room: RoomId) -> String {
    format!("{}:version", names::room_members(room))
}

/// Whether a user is in a room.
///
/// # Errors
/// [`RedisError`] if Redis is away: ask the database.
pub async fn check(redis: &Redis, room: RoomId, user: UserId) -> Result<Membership, RedisError> {
    let answer: i8 = redis
        .run(CHECK.key(names::room_members(room)).arg(user.to_string()))
        .await?;
    Ok(match answer {
        1 => Membership::Member,
        0 => Membership::NotMember,
        _ => Membership::Unknown,
    })
}

/// All members, if the room is cached.
///
/// # Errors
/// [`RedisError`] if Redis is away: ask the database.
pub async fn list(redis: &Redis, room: RoomId) -> Result<Option<Vec<UserId>>, RedisError> {
    let members: Vec<String> = ::redis::cmd("SMEMBERS")
        .arg(names::room_members(room))
        .query_async(&mut redis.connection())
        .await?;
    // A room without members does not exist, so nothing means not cached.
    Ok((!members.is_empty()).then(|| members.iter().filter_map(|id| id.parse().ok()).collect()))
}

/// The version to name in [`fill`]; read it before asking the database.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn version(redis: &Redis, room: RoomId) -> Result<Version, RedisError> {
    let version: Option<i64> = ::redis::cmd("GET")
        .arg(version_key(room))
        .query_async(&mut redis.connection())
        .await?;
    Ok(Version(version.unwrap_or_default()))
}

/// Caches a room's members, and says whether it did: not if they changed since `version`.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn fill(
    redis: &Redis,
    room: RoomId,
    version: Version,
    members: &[UserId],
) -> Result<bool, RedisError> {
    if members.is_empty() {
        return Ok(false);
    }
    let mut fill = FILL.key(names::room_members(room));
    fill.key(version_key(room))
        .arg(version.0)
        .arg(millis(LASTS));
    for member in members {
        fill.arg(member.to_string());
    }
    redis.run(&fill).await
}

/// Forgets a room's members and who may send; call it after the change has been committed.
///
/// # Errors
/// [`RedisError`] if Redis is away: a stale set lasts at most 30 minutes, so the caller tries again.
pub async fn invalidate(redis: &Redis, room: RoomId) -> Result<(), RedisError> {
    redis
        .run(
            INVALIDATE
                .key(names::room_members(room))
                .key(version_key(room))
                .key(super::admission::senders_key(room))
                .arg(millis(LASTS)),
        )
        .await
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
