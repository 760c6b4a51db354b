//! The heartbeat of this processor, and its share of the partitions as the heartbeats of all say.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chat_backends::redis::heartbeat::Heartbeats;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::assignment::owned;

/// How often a processor says that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// After this long without a beat a processor counts as dead: three beats, so that one lost beat moves nothing.
const DEAD_AFTER: Duration = Duration::from_secs(3);

/// This processor's share at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Share {
    partitions: Arc<HashSet<u16>>,
    /// Grows with every change of any share, so that the newest owner outranks all earlier ones at the broker.
    generation: i32,
}

impl Share {
    /// The consumer priority for a partition: zero unless it is ours.
    pub(super) fn priority(&self, partition: u16) -> i32 {
        if self.partitions.contains(&partition) {
            self.generation
        } else {
            0
        }
    }
}

/// Where the workers see the current share.
pub(super) type Ownership = watch::Receiver<Share>;

/// Starts the heartbeat; the returned future runs until `stop` and then takes this processor off the list.
pub(super) fn keep(
    worker: Worker,
    stop: CancellationToken,
) -> (Ownership, impl Future<Output = ()>) {
    let (sender, receiver) = watch::channel(Share::default());
    let keeper = async move {
        let heartbeats = Heartbeats::processors(DEAD_AFTER);
        let mut ticks = tokio::time::interval(BEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => beat(&worker, &heartbeats, &sender).await,
                () = stop.cancelled() => break,
            }
        }
        if let Err(error) = heartbeats.leave(&worker.context.redis, &worker.name).await {
            tracing::debug!(%error, "the heartbeat will run out by itself");
        }
    };
    (receiver, keeper)
}

async fn beat(worker: &Worker, heartbeats: &Heartbeats, sender: &watch::Sender<Share>) {
    let redis = &worker.context.redis;
    let live = match heartbeats.beat(redis, &worker.name).await {
        Ok(live) => live,
        Err(error) => {
            // The share stays as it is: the broker keeps working with the consumers that it knows.
            tracing::warn!(%error, "no heartbeat: Redis does not answer");
            return;
        }
    };
    let partitions: HashSet<u16> = owned(&worker.name, &live, worker.rabbitmq.partitions)
        .into_iter()
        .collect();
    if *sender.borrow().partitions == partitions {
        return;
    }
    match heartbeats.next_generation(redis).await {
        Ok(generation) => {
            let count = i64::try_from(partitions.len()).unwrap_or_default();
            worker.metrics.partitions.set(count);
            tracing::info!(
                ?partitions,
                processors = live.len(),
                "this processor's share changed"
            );
            sender.send_replace(Share {
                partitions: Arc::new(partitions),
                generation,
            });
        }
        Err(error) => tracing::warn!(%error, "the new share waits: Redis does not answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_owner_outranks_an_older_one() {
        let share = |partition, generation| Share {
            partitions: Arc::new(HashSet::from([partition])),
            generation,
        };
        assert!(share(1, 8).priority(1) > share(1, 7).priority(1));
        assert_eq!(share(1, 8).priority(2), 0);
    }
}
