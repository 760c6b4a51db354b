//! Whom a user has to do with: friends, groups, blocks. Cached, so that the fan-out of presence asks no database.
//!
//! Postgres is the truth. A change commits there first and then is forgotten here, and versions keep a fill that was read
//! before a change from landing after it, as in [`super::members`].

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use chat_core::ids::{RoomId, UserId};
use chat_core::names;

use super::members::Version;
use super::{Redis, RedisError};

/// How long it is cached (the wire contract, §4.5).
const LASTS: Duration = Duration::from_secs(12 * 3600);

/// It is believed a little shorter: an empty set has no key, so that one which ran out would look like one without entries.
const BELIEVED: Duration = Duration::from_secs(12 * 3600 - 60);

static FILL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/graph_fill.lua")));

/// Removes what is known and raises the version, which outlives any fill that is under way.
static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4]) redis.call('INCR', KEYS[5]) return redis.call('PEXPIRE', KEYS[5], ARGV[1])",
    )
});

/// What a user has to do with whom, in no certain order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Friends.
    pub friends: Vec<UserId>,
    /// Rooms that the user is in.
    pub groups: Vec<RoomId>,
    /// Users with whom there is a block, whoever made it.
    pub blocked: Vec<UserId>,
}

/// In the order of the scripts.
fn keys(user: UserId) -> [String; 5] {
    [
        names::graph_friends(user),
        names::graph_groups(user),
        format!("chat:graph:blocks:{user}"),
        format!("chat:graph:known:{user}"),
        version_key(user),
    ]
}

fn version_key(user: UserId) -> String {
    format!("chat:graph:version:{user}")
}

/// What is cached of `user`; `None`: see [`unknown`].
///
/// # Errors
/// [`RedisError`] if Redis is away: ask the database.
pub async fn read(redis: &Redis, user: UserId) -> Result<Option<Graph>, RedisError> {
    let [friends, groups, blocks, known, _] = keys(user);
    let mut pipeline = ::redis::pipe();
    pipeline
        .atomic()
        .exists(known)
        .smembers(friends)
        .smembers(groups)
        .smembers(blocks);
    let (is_known, friends, groups, blocked): (bool, Vec<String>, Vec<String>, Vec<String>) =
        pipeline.query_async(&mut redis.connection()).await?;
    Ok(is_known.then(|| Graph {
        friends: friends.iter().filter_map(|id| id.parse().ok()).collect(),
        groups: groups.iter().filter_map(|id| id.parse().ok()).collect(),
        blocked: blocked.iter().filter_map(|id| id.parse().ok()).collect(),
    }))
}

/// Those of `users` of whom nothing is cached, with the version to name in [`fill`]; read it before asking the database.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn unknown(
    redis: &Redis,
    users: &[UserId],
) -> Result<Vec<(UserId, Version)>, RedisError> {
    let mut pipeline = ::redis::pipe();
    for user in users {
        let [_, _, _, known, version] = keys(*user);
        pipeline.exists(known).get(version);
    }
    let found: Vec<(bool, Option<i64>)> = pipeline.query_async(&mut redis.connection()).await?;
    Ok(users
        .iter()
        .zip(found)
        .filter(|(_, (known, _))| !known)
        .map(|(user, (_, version))| (*user, Version(version.unwrap_or_default())))
        .collect())
}

/// Caches what the database said of `user`, and says whether it did: not if it changed since `version`.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn fill(
    redis: &Redis,
    user: UserId,
    version: Version,
    graph: &Graph,
) -> Result<bool, RedisError> {
    let mut fill = FILL.prepare_invoke();
    for key in keys(user) {
        fill.key(key);
    }
    fill.arg(version.0)
        .arg(super::members::millis(LASTS))
        .arg(super::members::millis(BELIEVED))
        .arg(graph.friends.len())
        .arg(graph.groups.len())
        .arg(graph.blocked.len());
    for friend in &graph.friends {
        fill.arg(friend.to_string());
    }
    for group in &graph.groups {
        fill.arg(group.to_string());
    }
    for blocked in &graph.blocked {
        fill.arg(blocked.to_string());
    }
    redis.run(&fill).await
}

/// Forgets what is cached of `user`; call it after the change has been committed.
///
/// # Errors
/// [`RedisError`] if Redis is away: what is stale lasts at most 12 hours, so the caller tries again.
pub async fn forget(redis: &Redis, user: UserId) -> Result<(), RedisError> {
    let mut forget = FORGET.prepare_invoke();
    for key in keys(user) {
        forget.key(key);
    }
    redis.run(forget.arg(super::members::millis(LASTS))).await
}
