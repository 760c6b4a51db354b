//! Whether the workers can work, as the probes see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use std::time::Duration;

use chat_backends::postgres;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// How often the stores are asked.
const PROBE: Duration = Duration::from_secs(2);

/// Asks the stores until `stop`, so that the probes need not.
pub(super) async fn probe(context: Context, health: Health, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PROBE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let database = tokio::time::timeout(PROBE, postgres::ping(&context.pg)).await;
        health.set(Backend::Database, matches!(database, Ok(Ok(()))));
        let redis = tokio::time::timeout(PROBE, context.redis.ping()).await;
        health.set(Backend::Redis, matches!(redis, Ok(Ok(_))));
    }
}

/// Shared flags; the parts that know set them.
#[derive(Debug, Clone, Default)]
pub struct Health {
    flags: Arc<Flags>,
}

#[derive(Debug, Default)]
struct Flags {
    database: AtomicBool,
    redis: AtomicBool,
    rabbitmq: AtomicBool,
    draining: AtomicBool,
}

/// A backend of the workers.
#[derive(Debug, Clone, Copy)]
pub enum Backend {
    /// Postgres.
    Database,
    /// Redis.
    Redis,
    /// RabbitMQ.
    RabbitMq,
}

/// The flags at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    database: bool,
    redis: bool,
    rabbitmq: bool,
    draining: bool,
}

impl Health {
    /// Notes whether a backend answers.
    pub fn set(&self, backend: Backend, up: bool) {
        let flag = match backend {
            Backend::Database => &self.flags.database,
            Backend::Redis => &self.flags.redis,
            Backend::RabbitMq => &self.flags.rabbitmq,
        };
        flag.store(up, Ordering::Relaxed);
    }

    /// Notes that the processor is shutting down.
    pub fn drain(&self) {
        self.flags.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the broker answered when last seen.
    pub fn report_rabbitmq(&self) -> bool {
        self.flags.rabbitmq.load(Ordering::Relaxed)
    }

    /// The flags as they are.
    pub fn report(&self) -> Report {
        Report {
            database: self.flags.database.load(Ordering::Relaxed),
            redis: self.flags.redis.load(Ordering::Relaxed),
            rabbitmq: self.flags.rabbitmq.load(Ordering::Relaxed),
            draining: self.flags.draining.load(Ordering::Relaxed),
        }
    }
}

impl Report {
    /// Whether the processor takes work.
    pub const fn ready(self) -> bool {
        self.database && self.redis && self.rabbitmq && !self.draining
    }

    /// The shape of the wire contract (§1.8).
    pub fn to_json(self) -> Value {
        let parts = [
            ("database", self.database),
            ("redis", self.redis),
            ("rabbitmq", self.rabbitmq),
        ];
        let of = |wanted: Option<bool>| -> Value {
            parts
                .iter()
                .filter(|(_, up)| wanted.is_none_or(|wanted| wanted == *up))
                .map(|(name, up)| {
                    let status = if *up { "up" } else { "down" };
                    ((*name).to_owned(), json!({ "status": status }))
                })
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        json!({
            "status": if self.ready() { "ok" } else { "error" },
            "draining": self.draining,
            "info": of(Some(true)),
            "error": of(Some(false)),
            "details": of(None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_backend_down_or_a_drain_is_not_ready() {
        let health = Health::default();
        assert!(!health.report().ready());
        for backend in [Backend::Database, Backend::Redis, Backend::RabbitMq] {
            health.set(backend, true);
        }
        assert!(health.report().ready());
        health.set(Backend::Redis, false);
        assert_eq!(
            health.report().to_json()["error"]["redis"]["status"],
            "down"
        );
        health.set(Backend::Redis, true);
        health.drain();
        assert!(!health.report().ready());
    }
}
