//! What statuses show of the readings. It changes at most every few seconds, so that a status under load is not a stream of
//! writes, and it wakes the ChatCluster when it does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::children::ClusterKey;
use crate::crd::{ChatClusterSpec, QueuesStatus};
use crate::readings::{LogicalQueue, Reading};

/// The shortest time between two changes of what is shown.
const PAUSE: Duration = Duration::from_secs(5);

/// Whether autoscaling sees what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It does.
    Clear,
    /// The last read failed, and the last good values are used.
    Holding(String),
    /// There are no values that are still good.
    Blind(String),
}

/// What a status shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The queues; `None` until they were read once.
    pub queues: Option<QueuesStatus>,
    /// Whether autoscaling sees what it needs.
    pub sight: Sight,
}

/// What statuses show of all ChatClusters.
pub struct Displays {
    shown: Mutex<HashMap<ClusterKey, (Shown, Instant)>>,
    wake: Box<dyn Fn(ClusterKey) + Send + Sync>,
}

impl Displays {
    /// Shows nothing yet; `wake` is called for a ChatCluster whose status has something new to show.
    pub fn new(wake: impl Fn(ClusterKey) + Send + Sync + 'static) -> Self {
        Self {
            shown: Mutex::default(),
            wake: Box::new(wake),
        }
    }

    /// What the status of a ChatCluster shows.
    #[must_use]
    pub fn of(&self, key: &ClusterKey) -> Option<Shown> {
        self.lock().get(key).map(|(shown, _)| shown.clone())
    }

    /// Has a ChatCluster looked at.
    pub fn wake(&self, key: ClusterKey) {
        (self.wake)(key);
    }

    pub(crate) fn retain(&self, keep: impl Fn(&ClusterKey) -> bool) {
        self.lock().retain(|key, _| keep(key));
    }

    pub(crate) fn show(
        &self,
        key: &ClusterKey,
        spec: &ChatClusterSpec,
        reading: &Reading,
        processors: i32,
        now: Instant,
    ) {
        let fresh = shown(spec, reading, processors, now);
        let mut all = self.lock();
        let due = match all.get(key) {
            None => true,
            Some((old, _)) if *old == fresh => false,
            // What someone may have to act on is shown at once.
            Some((old, since)) => {
                std::mem::discriminant(&old.sight) != std::mem::discriminant(&fresh.sight)
                    || sheds(old) != sheds(&fresh)
                    || now.duration_since(*since) >= PAUSE
            }
        };
        if due {
            all.insert(key.clone(), (fresh, now));
            drop(all);
            self.wake(key.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ClusterKey, (Shown, Instant)>> {
        // Entries are replaced whole.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(spec: &ChatClusterSpec, reading: &Reading, processors: i32, now: Instant) -> Shown {
    let autoscaling = spec.processors.autoscaling.clone().unwrap_or_default();
    let usable = reading
        .queues
        .fresh(autoscaling.stale_after_seconds, now)
        .is_some();
    let sight = match (&reading.queues.failure, usable) {
        (None, _) => Sight::Clear,
        (Some(failure), true) => Sight::Holding(failure.clone()),
        (Some(failure), false) => Sight::Blind(failure.clone()),
    };
    let shedding = reading
        .connections
        .good
        .as_ref()
        .is_some_and(|(connections, _)| connections.shedding);
    let queues = reading.queues.good.as_ref().map(|(depths, _)| {
        let backlog = |queue| depths.get(&queue).map_or(0, |depth| depth.backlog());
        QueuesStatus {
            high: backlog(LogicalQueue::High),
            medium: backlog(LogicalQueue::Medium),
            low: backlog(LogicalQueue::Low),
            dlq: backlog(LogicalQueue::DeadLetter),
            drain: drain(
                reading
                    .rate
                    .drain_seconds(Reading::work(depths), processors),
            ),
            shedding,
        }
    });
    Shown { queues, sight }
}

fn sheds(shown: &Shown) -> bool {
    shown.queues.as_ref().is_some_and(|queues| queues.shedding)
}

/// Whole seconds are exact enough for people, and change less often.
fn drain(seconds: Option<f64>) -> String {
    match seconds {
        None => "unknown".to_owned(),
        Some(seconds) if seconds < 100.0 => format!("{:.0}s", seconds.ceil()),
        Some(seconds) => format!("{:.0}m", (seconds / 60.0).ceil()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::readings::{Depth, Depths, Kept};

    fn reading(ready: i64, now: Instant) -> Reading {
        let depth = Depth {
            ready,
            ..Depth::default()
        };
        Reading {
            queues: Kept {
                good: Some((Depths::from([(LogicalQueue::High, depth)]), now)),
                failure: None,
            },
            ..Reading::default()
        }
    }

    #[test]
    fn numbers_that_change_all_the_time_are_shown_every_few_seconds_and_equal_ones_never() {
        let woken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&woken);
        let displays = Displays::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let key = ClusterKey {
            namespace: "chat".to_owned(),
            name: "demo".to_owned(),
        };
        let spec = ChatClusterSpec::default();
        let start = Instant::now();
        for second in 0..11 {
            let now = start + Duration::from_secs(second);
            let ready = i64::try_from(second).unwrap_or_default();
            displays.show(&key, &spec, &reading(ready, now), 1, now);
        }
        assert_eq!(woken.load(Ordering::Relaxed), 3);
        for second in 20..40 {
            let now = start + Duration::from_secs(second);
            displays.show(&key, &spec, &reading(10, now), 1, now);
        }
        assert_eq!(woken.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn sight_is_lost_only_when_the_last_good_value_is_too_old() {
        let start = Instant::now();
        let mut failing = reading(5, start);
        failing.queues.failure = Some("refused".to_owned());
        let spec = ChatClusterSpec::default();
        let at = |seconds| shown(&spec, &failing, 1, start + Duration::from_secs(seconds)).sight;
        assert_eq!(at(30), Sight::Holding("refused".to_owned()));
        assert_eq!(at(61), Sight::Blind("refused".to_owned()));
    }
}
