//! Who is alive: processors share partitions by this list, and gateways vouch for their sockets by theirs.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use chat_core::names;

use super::{Redis, RedisError};

/// Beats and lists in one call, so that a member always sees itself.
static BEAT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/heartbeat.lua")));

/// A list of live members in Redis.
#[derive(Debug, Clone)]
pub struct Heartbeats {
    key: String,
    timeout: Duration,
}

impl Heartbeats {
    /// The processors; one that has not beaten for `timeout` is not listed any more.
    pub fn processors(timeout: Duration) -> Self {
        Self::named(names::PROCESSORS, timeout)
    }

    /// The gateways; the sockets of one that has not beaten for `timeout` are taken for closed.
    pub fn gateways(timeout: Duration) -> Self {
        Self::named(super::presence::GATEWAYS, timeout)
    }

    /// The list under `key`.
    pub fn named(key: impl Into<String>, timeout: Duration) -> Self {
        Self {
            key: key.into(),
            timeout,
        }
    }

    /// Says that `member` lives, and returns all live members in the order of their names.
    ///
    /// # Errors
    /// [`RedisError`] if Redis is away: keep to the last list, being cut off is no reason to take or leave shares.
    pub async fn beat(&self, redis: &Redis, member: &str) -> Result<Vec<String>, RedisError> {
        Ok(self.run(redis, member).await?.1)
    }

    /// Says that `member` lives, and whether it was not on the list before: at its first beat, after having been
    /// silent for too long, or after Redis lost its data. Whatever stood under its name may be gone then.
    ///
    /// # Errors
    /// [`RedisError`] if Redis is away.
    pub async fn beat_or_rejoin(&self, redis: &Redis, member: &str) -> Result<bool, RedisError> {
        Ok(self.run(redis, member).await?.0)
    }

    /// All live members in the order of their names.
    ///
    /// # Errors
    /// [`RedisError`] if Redis is away.
    pub async fn live(&self, redis: &Redis) -> Result<Vec<String>, RedisError> {
        Ok(self.run(redis, "").await?.1)
    }

    /// Takes `member` off the list at once, for a shutdown in good order.
    ///
    /// # Errors
    /// [`RedisError`] if Redis is away: then the timeout does it.
    pub async fn leave(&self, redis: &Redis, member: &str) -> Result<(), RedisError> {
        ::redis::cmd("ZREM")
            .arg(&self.key)
            .arg(member)
            .exec_async(&mut redis.connection())
            .await?;
        Ok(())
    }

    /// A number greater than every one that was given out before, for ranking whoever changes last above all others.
    ///
    /// # Errors
    /// [`RedisError`] if Redis is away.
    pub async fn next_generation(&self, redis: &Redis) -> Result<i32, RedisError> {
        let generation = ::redis::cmd("INCR")
            .arg(format!("{}:generation", self.key))
            .query_async(&mut redis.connection())
            .await?;
        Ok(generation)
    }

    async fn run(&self, redis: &Redis, member: &str) -> Result<(bool, Vec<String>), RedisError> {
        let timeout = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        let (is_new, mut live): (bool, Vec<String>) = redis
            .run(BEAT.key(&self.key).arg(member).arg(timeout))
            .await?;
        live.sort_unstable();
        Ok((is_new, live))
    }
}
