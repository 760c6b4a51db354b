//! The heartbeat of this processor, and its share of the partitions as the heartbeats of all say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::assignment::owned;

/// How often a processor says that it lives.
const BEAT: Duration = Duration::from_secs(1);

/// This processor's share at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// The consumer priority for each partition that is ours: a number that was never given out before, so that
    /// whoever gains a partition outranks all who had it earlier and do not know yet that they lost it.
    ranks: Arc<BTreeMap<u16, i32>>,
}

impl Share {
    /// The consumer priority for a partition: zero unless it is ours.
    pub(super) fn priority(&self, partition: u16) -> i32 {
        self.ranks.get(&partition).copied().unwrap_or_default()
    }

    fn is_of(&self, partitions: &[u16]) -> bool {
        self.ranks.keys().eq(partitions)
    }

    /// The share of `partitions`: what was ours keeps its rank, so that nothing is interrupted there; what is new gets
    /// `rank`.
    fn of(&self, partitions: &[u16], rank: i32) -> Self {
        let ranks = partitions.iter().map(|partition| {
            let kept = self.ranks.get(partition).copied();
            (*partition, kept.unwrap_or(rank))
        });
        Self {
            ranks: Arc::new(ranks.collect()),
        }
    }
}

/// Where the workers see the current share.
pub(super) type Ownership = watch::Receiver<Share>;

/// A share that does not change, with the sender that keeps it.
pub(super) fn fixed(partitions: &[u16], rank: i32) -> (watch::Sender<Share>, Ownership) {
    watch::channel(Share::default().of(partitions, rank))
}

/// Starts the heartbeat; the returned future runs until `stop` and then takes this processor off the list.
pub(super) fn keep(
    worker: Worker,
    stop: CancellationToken,
) -> (Ownership, impl Future<Output = ()>) {
    let (sender, receiver) = watch::channel(Share::default());
    let keeper = async move {
        let mut ticks = tokio::time::interval(BEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => beat(&worker, &sender).await,
                () = stop.cancelled() => break,
            }
        }
        if let Err(error) = worker
            .heartbeats
            .leave(&worker.context.redis, &worker.name)
            .await
        {
            tracing::debug!(%error, "the heartbeat will run out by itself");
        }
    };
    (receiver, keeper)
}

async fn beat(worker: &Worker, sender: &watch::Sender<Share>) {
    let redis = &worker.context.redis;
    let live = match worker.heartbeats.beat(redis, &worker.name).await {
        Ok(live) => live,
        Err(error) => {
            // The share stays as it is: the broker keeps working with the consumers that it knows.
            tracing::warn!(%error, "no heartbeat: Redis does not answer");
            return;
        }
    };
    let partitions = owned(&worker.name, &live, worker.rabbitmq.partitions);
    if sender.borrow().is_of(&partitions) {
        return;
    }
    match worker.heartbeats.next_generation(redis).await {
        Ok(rank) => {
            let count = i64::try_from(partitions.len()).unwrap_or_default();
            worker.metrics.partitions.set(count);
            let processors = live.len();
            tracing::info!(?partitions, processors, "this processor's share changed");
            sender.send_modify(|share| *share = share.of(&partitions, rank));
        }
        Err(error) => tracing::warn!(%error, "the new share waits: Redis does not answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_owner_outranks_an_older_one_and_what_is_kept_keeps_its_rank() {
        let earlier = Share::default().of(&[0, 1], 7);
        let later = Share::default().of(&[1], 8);
        assert!(later.priority(1) > earlier.priority(1));
        assert_eq!(later.priority(0), 0);
        let grown = earlier.of(&[1, 2], 9);
        assert_eq!(
            [0, 1, 2].map(|partition| grown.priority(partition)),
            [0, 7, 9]
        );
        assert!(grown.is_of(&[1, 2]));
    }
}
