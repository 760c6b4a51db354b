//! Redis (or Valkey): everything that is shared between processes and can be rebuilt.
//!
//! Presence, sockets, the membership cache, fan-out channels, rate limits, rings of recent messages. Losing all of
//! it must lose no message. Several keys are touched in one script, so one Redis with replicas is meant, not a
//! Redis Cluster.

pub mod acknowledged;
pub mod admission;
pub mod announce;
pub mod attempts;
pub mod dedup;
pub mod fanout_publisher;
pub mod fanout_subscriber;
pub mod graph;
pub mod heartbeat;
pub mod members;
pub mod presence;
pub mod rate_limit;
pub mod ring;
pub mod spam;
pub mod stats;

use std::time::Duration;

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use ::redis::io::tcp::TcpSettings;
use ::redis::{Client, FromRedisValue, ScriptInvocation};

use crate::config::RedisConfig;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Attempts to connect again before the waiting commands fail; the next command starts over.
const RECONNECT_ATTEMPTS: usize = 2;
/// Commands that may wait for their answer at a time.
const IN_FLIGHT: usize = 4096;

/// Redis did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("Redis failed: {0}")]
pub struct RedisError(#[from] ::redis::RedisError);

/// A handle on Redis; clones share one connection, which comes back by itself.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    connection: ConnectionManager,
    webchat_aliases: bool,
}

impl Redis {
    /// Prepares the connection, which is made at the first command; ask [`Redis::ping`] whether it works.
    ///
    /// # Errors
    /// [`RedisError`] if the address can't be used at all.
    pub fn open(config: &RedisConfig) -> Result<Self, RedisError> {
        // Without TCP_NODELAY small commands wait for the answer to the one before.
        let info = config
            .connection_info()
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = Client::open(info)?;
        let manager = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(RECONNECT_ATTEMPTS)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500))
            .set_concurrency_limit(IN_FLIGHT);
        Ok(Self {
            connection: client.get_connection_manager_lazy(manager)?,
            client,
            webchat_aliases: config.webchat_aliases,
        })
    }

    /// Prepares the connection and makes sure that it works.
    ///
    /// # Errors
    /// [`RedisError`] if Redis can't be reached.
    pub async fn connect(config: &RedisConfig) -> Result<Self, RedisError> {
        let redis = Self::open(config)?;
        redis.ping().await?;
        Ok(redis)
    }

    /// Asks for a sign of life and says how long it took.
    ///
    /// # Errors
    /// [`RedisError`] if there is none.
    pub async fn ping(&self) -> Result<Duration, RedisError> {
        let start = std::time::Instant::now();
        let mut connection = self.connection();
        ::redis::cmd("PING").exec_async(&mut connection).await?;
        Ok(start.elapsed())
    }

    fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, RedisError> {
        Ok(script.invoke_async(&mut self.connection()).await?)
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}
