//! Dropping typing and presence while the queue of messages is too long, so that messages keep moving.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_backends::rabbitmq::depth::{DepthProbe, Depths};
use chat_core::names::Queue;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::SheddingConfig;
use crate::dispatch::Dispatcher;
use crate::metrics::Metrics;

/// How often the depth is sampled: a threshold that is crossed has its effect within a second.
const EVERY: Duration = Duration::from_millis(500);

/// Whether typing and presence are dropped at the moment.
pub(crate) struct Shedding {
    config: SheddingConfig,
    active: AtomicBool,
    /// The latest sample, until one fails.
    depths: Mutex<Option<Depths>>,
}

impl Shedding {
    pub(crate) const fn new(config: SheddingConfig) -> Self {
        Self {
            config,
            active: AtomicBool::new(false),
            depths: Mutex::new(None),
        }
    }

    /// Whether typing and presence are to be dropped.
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// What waits in the queues; `None` while nobody can say.
    pub(crate) fn depths(&self) -> Option<Depths> {
        *self.depths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, depths: Option<Depths>) {
        *self.depths.lock().unwrap_or_else(PoisonError::into_inner) = depths;
    }

    /// Takes in a sample. Between the two thresholds everything stays as it is.
    fn observe(&self, ready: u64) {
        let active = self.is_active();
        let next = next(self.config, active, ready);
        if next != active {
            self.active.store(next, Ordering::Relaxed);
            tracing::warn!(
                ready,
                shedding = next,
                "the queue of messages crossed a shedding threshold"
            );
        }
    }
}

const fn next(config: SheddingConfig, active: bool, ready: u64) -> bool {
    if active {
        ready >= config.low
    } else {
        ready > config.high
    }
}

/// Samples until `stop`. A sample that fails changes nothing: a broker that is away is not an empty queue.
pub(crate) async fn sample(
    shedding: Arc<Shedding>,
    dispatcher: Arc<Dispatcher>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let mut probe = DepthProbe::default();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let publisher = dispatcher.publisher();
        let Some(broker) = publisher.broker() else {
            shedding.remember(None);
            continue;
        };
        match probe.sample(&broker, publisher.config()).await {
            Ok(depths) => {
                shedding.observe(depths.high.ready);
                metrics.shedding(shedding.is_active());
                shedding.remember(Some(depths));
                export(&metrics, &depths);
            }
            Err(error) => {
                shedding.remember(None);
                tracing::debug!(%error, "the depth of the queues could not be sampled");
            }
        }
    }
}

fn export(metrics: &Metrics, depths: &Depths) {
    for (queue, depth) in [
        (Queue::High, depths.high),
        (Queue::Medium, depths.medium),
        (Queue::Low, depths.low),
    ] {
        metrics
            .queue_ready(queue)
            .set(i64::try_from(depth.ready).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shedding_starts_above_the_high_threshold_and_ends_below_the_low_one() {
        let shedding = Shedding::new(SheddingConfig {
            high: 10_000,
            low: 5_000,
        });
        let after = |ready| {
            shedding.observe(ready);
            shedding.is_active()
        };
        assert!(!after(10_000));
        assert!(after(10_001));
        assert!(after(5_000));
        assert!(!after(4_999));
        assert!(!after(9_999));
    }
}
