//! Rate limits, counted in Redis so that all gateways share them: one call each, by Redis's own clock.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;

use super::{Redis, RedisError};

/// What a limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allowed,
    /// Too much; the same may succeed after this long.
    Limited {
        /// At least one millisecond.
        retry_after: Duration,
    },
}

/// A bucket that holds `burst` tokens and gets `per_second` new ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenBucket {
    /// Most tokens that can be saved up.
    pub burst: u32,
    /// New tokens a second.
    pub per_second: f64,
}

/// At most `limit` hits in a window that starts with its first hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedWindow {
    /// Hits that are allowed.
    pub limit: u32,
    /// Length of the window.
    pub window: Duration,
}

/// Refills the bucket for the time gone by, takes one token if there is one, and says how long until the next.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("lua/token_bucket.lua"),
        include_str!("lua/rate_limit.lua")
    ))
});

/// Counts a hit and says how many there are and how long the window lasts.
static HIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/fixed_window.lua")));

impl TokenBucket {
    /// Takes one token from the bucket under `key` (see [`chat_core::names::throttle`]).
    ///
    /// # Errors
    /// [`RedisError`] if Redis is away; what that means is the caller's to decide.
    pub async fn take(&self, redis: &Redis, key: &str) -> Result<Verdict, RedisError> {
        let wait_millis: i64 = redis
            .run(TAKE.key(key).arg(self.burst).arg(self.per_second))
            .await?;
        Ok(Verdict::after(wait_millis))
    }
}

impl FixedWindow {
    /// Counts a hit under `key`; the hit that exceeds the limit, and all after it, are limited.
    ///
    /// # Errors
    /// [`RedisError`] if Redis is away.
    pub async fn hit(&self, redis: &Redis, key: &str) -> Result<Verdict, RedisError> {
        self.run(redis, key, 1).await
    }

    /// Whether the next hit would be limited, without counting one.
    ///
    /// # Errors
    /// [`RedisError`] if Redis is away.
    pub async fn peek(&self, redis: &Redis, key: &str) -> Result<Verdict, RedisError> {
        self.run(redis, key, 0).await
    }

    async fn run(&self, redis: &Redis, key: &str, count: u8) -> Result<Verdict, RedisError> {
        let window = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        let wait_millis: i64 = redis
            .run(HIT.key(key).arg(self.limit).arg(window).arg(count))
            .await?;
        Ok(Verdict::after(wait_millis))
    }
}

impl Verdict {
    /// Whether to go on.
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed)
    }

    pub(super) fn after(wait_millis: i64) -> Self {
        match u64::try_from(wait_millis) {
            Ok(0) | Err(_) => Self::Allowed,
            Ok(wait) => Self::Limited {
                retry_after: Duration::from_millis(wait),
            },
        }
    }
}
