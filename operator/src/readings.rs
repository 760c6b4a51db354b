//! What autoscaling knows of each ChatCluster: the depth of its queues, how fast they are worked off, and the connections
//! of its gateways.
//!
//! A read that fails is never a zero. The last good values are kept with their age; who uses them decides how long they are
//! good for.

mod exported;
mod exposition;
mod rate;
mod sampler;
mod sources;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use chat_core::names;
use tokio::time::Instant;

pub use exported::Exported;
pub use rate::ServiceRate;
pub(crate) use sampler::ready;
pub use sampler::{SamplerConfig, run};

use crate::children::ClusterKey;

/// A queue as people and autoscalers know it: a partitioned one is the sum of its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogicalQueue {
    /// Messages and calls.
    High,
    /// Group operations and deletes.
    Medium,
    /// Typing and presence.
    Low,
    /// Dead letters.
    DeadLetter,
}

impl LogicalQueue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::High, Self::Medium, Self::Low, Self::DeadLetter];
    /// Those that processors are scaled on: late typing is worthless, and dead letters wait for people.
    pub const WORK: [Self; 2] = [Self::High, Self::Medium];

    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => names::HIGH,
            Self::Medium => names::MEDIUM,
            Self::Low => names::LOW,
            Self::DeadLetter => names::DLQ,
        }
    }

    /// The logical queue of one of the broker's.
    fn of(queue: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|logical| {
            queue == logical.name()
                || Self::WORK.contains(logical)
                    && queue
                        .strip_prefix(logical.name())
                        .and_then(|rest| rest.strip_prefix('.'))
                        .is_some_and(|partition| {
                            partition.bytes().all(|byte| byte.is_ascii_digit())
                        })
        })
    }
}

/// Jobs of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Waiting.
    pub ready: i64,
    /// Handed to a processor and not yet acknowledged: taking that processor away would hand them out again.
    pub unacked: i64,
    /// Acknowledged since the broker started.
    pub acked: i64,
    /// Partitions that nobody works on.
    pub without_consumer: i64,
}

impl Depth {
    /// Waiting and in work.
    #[must_use]
    pub fn backlog(self) -> i64 {
        self.ready + self.unacked
    }
}

/// The queues of a ChatCluster.
pub type Depths = BTreeMap<LogicalQueue, Depth>;

/// Values that were read, and since when reading them fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept<T> {
    /// The last good values and when they were read.
    pub good: Option<(T, Instant)>,
    /// Why the last read failed, if it did.
    pub failure: Option<String>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            good: None,
            failure: None,
        }
    }
}

impl<T: Clone> Kept<T> {
    fn note(&mut self, read: Result<T, String>, now: Instant) {
        match read {
            Ok(values) => {
                *self = Self {
                    good: Some((values, now)),
                    failure: None,
                };
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// The last good values, if they are no older than `seconds`.
    #[must_use]
    pub fn fresh(&self, seconds: i32, now: Instant) -> Option<T> {
        let limit = u64::try_from(seconds).unwrap_or_default();
        self.good
            .as_ref()
            .filter(|(_, read)| now.duration_since(*read).as_secs() < limit)
            .map(|(values, _)| values.clone())
    }
}

/// What is known of one ChatCluster.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Its queues.
    pub queues: Kept<Depths>,
    /// Connections to its gateways.
    pub connections: Kept<Connections>,
    /// How fast its processors work.
    pub rate: ServiceRate,
}

/// What the gateways tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// Sockets, over all gateways.
    pub sockets: i64,
    /// Whether any of them is dropping typing and presence.
    pub shedding: bool,
}

impl Reading {
    /// Jobs, waiting or in work, in the queues that processors are scaled on.
    #[must_use]
    pub fn work(depths: &Depths) -> i64 {
        LogicalQueue::WORK
            .iter()
            .filter_map(|queue| depths.get(queue))
            .map(|depth| depth.backlog())
            .sum()
    }
}

/// The readings of all ChatClusters.
#[derive(Debug, Default)]
pub struct Readings(Mutex<HashMap<ClusterKey, Reading>>);

impl Readings {
    /// What is known of a ChatCluster.
    #[must_use]
    pub fn of(&self, cluster: &ClusterKey) -> Option<Reading> {
        self.lock().get(cluster).cloned()
    }

    fn update<T>(&self, cluster: &ClusterKey, change: impl FnOnce(&mut Reading) -> T) -> T {
        change(self.lock().entry(cluster.clone()).or_default())
    }

    fn retain(&self, keep: impl Fn(&ClusterKey) -> bool) {
        self.lock().retain(|cluster, _| keep(cluster));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ClusterKey, Reading>> {
        // A reading is whole between any two changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn partitions_belong_to_their_logical_queue_and_foreign_queues_to_none() {
        for (queue, logical) in [
            ("chat.events.high.0", Some(LogicalQueue::High)),
            ("chat.events.medium.63", Some(LogicalQueue::Medium)),
            ("chat.events.low", Some(LogicalQueue::Low)),
            ("chat.events.dlq", Some(LogicalQueue::DeadLetter)),
            ("chat.events.log", None),
            ("chat.events.high.x", None),
            ("chat.events.highest.0", None),
            ("orders", None),
        ] {
            assert_eq!(LogicalQueue::of(queue), logical, "{queue}");
        }
    }

    #[tokio::test]
    async fn a_failed_read_keeps_the_last_good_value_until_it_is_too_old() {
        let now = Instant::now();
        let mut kept = Kept::default();
        kept.note(Ok(5), now);
        kept.note(Err("refused".to_owned()), now + Duration::from_secs(30));
        assert_eq!(kept.fresh(60, now + Duration::from_secs(59)), Some(5));
        assert_eq!(kept.fresh(60, now + Duration::from_secs(61)), None);
        assert_eq!(kept.failure.as_deref(), Some("refused"));
        kept.note(Ok(7), now + Duration::from_secs(62));
        assert_eq!(kept.fresh(60, now + Duration::from_secs(62)), Some(7));
        assert_eq!(kept.failure, None);
    }
}
