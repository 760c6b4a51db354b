//! The processor's settings: environment first, checked before any connection is made.

use std::time::Duration;

use chat_backends::config::{
    ConfigError, JobKeyArgs, ObjectArgs, ObjectConfig, PostgresArgs, PostgresConfig, RabbitArgs,
    RabbitConfig, RedisArgs, RedisConfig,
};
use chat_core::signing::KeyRing;
use chat_core::{duration, env, ports};
use clap::Args;

use crate::push::vapid::{Vapid, VapidArgs};

/// The processor's settings, as they are given.
#[derive(Debug, Clone, Default, Args)]
pub struct ProcessorArgs {
    /// Port of health and metrics, 1 to 65535; 9090 by default.
    #[arg(long, env = env::PORT)]
    pub port: Option<String>,
    /// Name of this processor among the live ones, unique; the host name by default.
    #[arg(long, env = env::POD_NAME)]
    pub pod_name: Option<String>,
    /// How long a processor that is shut down may finish what it holds; 20s by default.
    #[arg(long, env = env::CHAT_DRAIN_WINDOW)]
    pub chat_drain_window: Option<String>,
    #[command(flatten)]
    postgres: PostgresArgs,
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    rabbitmq: RabbitArgs,
    #[command(flatten)]
    job_keys: JobKeyArgs,
    #[command(flatten)]
    vapid: VapidArgs,
    #[command(flatten)]
    objects: ObjectArgs,
}

/// The processor's settings, checked.
#[derive(Debug, Clone)]
pub struct ProcessorConfig {
    /// Port of health and metrics.
    pub port: u16,
    /// Name of this processor among the live ones.
    pub name: String,
    /// How long a processor that is shut down may finish what it holds.
    pub drain_window: Duration,
    /// Where Postgres is.
    pub postgres: PostgresConfig,
    /// Where Redis is.
    pub redis: RedisConfig,
    /// Where RabbitMQ is, and the names of the queues.
    pub rabbitmq: RabbitConfig,
    /// Keys of the job signatures.
    pub job_keys: KeyRing,
    /// The key of Web Push; without it nobody is notified.
    pub vapid: Option<Vapid>,
    /// Where uploaded files and exports lie.
    pub objects: ObjectConfig,
}

impl ProcessorArgs {
    /// Checks everything.
    ///
    /// # Errors
    /// [`ConfigError`] names the first variable that is missing or wrong.
    pub fn resolve(&self) -> Result<ProcessorConfig, ConfigError> {
        Ok(ProcessorConfig {
            port: port(self.port.as_deref())?,
            name: name(self.pod_name.as_deref()),
            drain_window: drain_window(self.chat_drain_window.as_deref())?,
            postgres: self.postgres.resolve()?,
            redis: self.redis.resolve()?,
            rabbitmq: self.rabbitmq.resolve()?,
            job_keys: self.job_keys.resolve()?,
            vapid: self.vapid.resolve()?,
            objects: self.objects.resolve()?,
        })
    }
}

fn port(given: Option<&str>) -> Result<u16, ConfigError> {
    let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(ports::PROCESSOR);
    };
    // 0 lets the kernel choose, which the tests use.
    text.parse().map_err(|_| {
        let problem = format!("is {text:?}; it must be a number from 0 to 65535");
        ConfigError::new(env::PORT, problem)
    })
}

fn name(given: Option<&str>) -> String {
    given
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map_or_else(
            || format!("processor-{}", uuid::Uuid::new_v4()),
            str::to_owned,
        )
}

fn drain_window(given: Option<&str>) -> Result<Duration, ConfigError> {
    match given.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(Duration::from_secs(20)),
        Some(text) => duration::parse(text).map_err(|error| {
            ConfigError::new(env::CHAT_DRAIN_WINDOW, format!("is wrong: {error}"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_port_and_a_wrong_window_are_named() {
        let shown = port(Some("http")).unwrap_err().to_string();
        assert!(shown.starts_with("PORT is \"http\""), "{shown}");
        let shown = drain_window(Some("soon")).unwrap_err().to_string();
        assert!(shown.starts_with("CHAT_DRAIN_WINDOW"), "{shown}");
    }

    #[test]
    fn two_unnamed_processors_have_different_names() {
        assert_ne!(name(None), name(Some("  ")));
    }
}
