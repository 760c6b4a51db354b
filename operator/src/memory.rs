//! What the operator remembers of each ChatCluster between two reconciliations. All of it can be lost: it only saves work.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::apply::Changes;
use crate::children::ClusterKey;
use crate::crd::ChatClusterStatus;
use crate::validate::InvalidSpec;

/// The first pause after a failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long the status of a ChatCluster that is on its way waits for the next step, which often follows at once.
const STEP: Duration = Duration::from_secs(2);

/// What is remembered.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<ClusterKey, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    uid: String,
    failures: u32,
    checked: Option<(i64, Result<(), InvalidSpec>)>,
    // Nearly always empty.
    status: Option<Box<ChatClusterStatus>>,
    reported: Option<Instant>,
    // Nearly always empty.
    untold: Option<Box<Changes>>,
}

impl Memory {
    /// Runs `look` on the entry of a cluster; an entry of a former cluster of the same name is dropped.
    fn with<T>(&self, key: &ClusterKey, uid: &str, look: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(key.clone()).or_default();
        if entry.uid != uid {
            *entry = Entry {
                uid: uid.to_owned(),
                ..Entry::default()
            };
        }
        look(entry)
    }

    /// The outcome of checking a generation's rules, which is costly and never changes.
    pub fn checked(
        &self,
        key: &ClusterKey,
        uid: &str,
        generation: i64,
        check: impl FnOnce() -> Result<(), InvalidSpec>,
    ) -> Result<(), InvalidSpec> {
        let known = self.with(key, uid, |entry| entry.checked.clone());
        if let Some((_, outcome)) = known.filter(|(checked, _)| *checked == generation) {
            return outcome;
        }
        let outcome = check();
        self.with(key, uid, |entry| {
            entry.checked = Some((generation, outcome.clone()))
        });
        outcome
    }

    /// The status as this process last wrote it, until the watch has brought it back.
    #[must_use]
    pub fn status(
        &self,
        key: &ClusterKey,
        uid: &str,
        seen: Option<&ChatClusterStatus>,
    ) -> Option<ChatClusterStatus> {
        self.with(key, uid, |entry| {
            if entry.status.as_deref() == seen {
                entry.status = None;
            }
            entry.status.as_deref().cloned()
        })
    }

    /// Whether the watch has brought back the status that this process wrote last.
    #[must_use]
    pub fn is_echo(&self, key: &ClusterKey, uid: &str, seen: Option<&ChatClusterStatus>) -> bool {
        self.with(key, uid, |entry| {
            let is_echo = entry.status.is_some() && entry.status.as_deref() == seen;
            if is_echo {
                entry.status = None;
            }
            is_echo
        })
    }

    /// Remembers a status that is written at `now`.
    pub fn writes_status(
        &self,
        key: &ClusterKey,
        uid: &str,
        status: ChatClusterStatus,
        now: Instant,
    ) {
        self.with(key, uid, |entry| {
            entry.status = Some(Box::new(status));
            entry.reported = Some(now);
        });
    }

    /// Remembers that a status could not be written, and which is there still.
    pub fn keeps_status(&self, key: &ClusterKey, uid: &str, status: ChatClusterStatus) {
        self.with(key, uid, |entry| entry.status = Some(Box::new(status)));
    }

    /// How long a status that tells of a step only is still to wait for the next: some time from the status before it, or, if
    /// there was none, from the first step on.
    #[must_use]
    pub fn wait_for_next_step(
        &self,
        key: &ClusterKey,
        uid: &str,
        now: Instant,
    ) -> Option<Duration> {
        self.with(key, uid, |entry| {
            let since = *entry.reported.get_or_insert(now);
            let left = STEP.saturating_sub(now.saturating_duration_since(since));
            (!left.is_zero()).then_some(left)
        })
    }

    /// Keeps changes that are to be told with those that follow.
    pub fn tell_later(&self, key: &ClusterKey, uid: &str, changes: Changes) {
        self.with(key, uid, |entry| {
            entry.untold.get_or_insert_default().extend(changes);
        });
    }

    /// Takes what was to be told later.
    #[must_use]
    pub fn untold(&self, key: &ClusterKey, uid: &str) -> Changes {
        self.with(key, uid, |entry| entry.untold.take())
            .map_or_else(Changes::default, |untold| *untold)
    }

    /// Notes a success.
    pub fn succeeded(&self, key: &ClusterKey, uid: &str) {
        self.with(key, uid, |entry| entry.failures = 0);
    }

    /// Notes a failure and returns how long to wait; `jitter` from 0 to 1 keeps many clusters from trying at once.
    pub fn failed(&self, key: &ClusterKey, uid: &str, jitter: f64) -> Duration {
        let failures = self.with(key, uid, |entry| {
            entry.failures = entry.failures.saturating_add(1);
            entry.failures
        });
        pause(failures, jitter)
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, key: &ClusterKey) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

fn pause(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled
        .min(LONGEST_PAUSE)
        .mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ClusterKey {
        ClusterKey {
            namespace: "chat".to_owned(),
            name: "demo".to_owned(),
        }
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_start_over_after_a_success() {
        let memory = Memory::default();
        let pauses: Vec<_> = (0..4)
            .map(|_| memory.failed(&key(), "u", 0.5).as_secs())
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8]);
        assert_eq!(pause(u32::MAX, 0.5), LONGEST_PAUSE);
        memory.succeeded(&key(), "u");
        assert_eq!(memory.failed(&key(), "u", 0.5).as_secs(), 1);
    }

    #[test]
    fn a_generation_is_checked_once() {
        let memory = Memory::default();
        let mut checks = 0;
        for generation in [1, 1, 2] {
            memory
                .checked(&key(), "u", generation, || {
                    checks += 1;
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(checks, 2);
    }

    #[test]
    fn a_written_status_is_remembered_until_the_watch_has_brought_it_back() {
        let memory = Memory::default();
        let written = ChatClusterStatus {
            url: Some("http://new".to_owned()),
            ..ChatClusterStatus::default()
        };
        memory.writes_status(&key(), "u", written.clone(), Instant::now());
        assert_eq!(memory.status(&key(), "u", None), Some(written.clone()));
        assert_eq!(memory.status(&key(), "u", Some(&written)), None);
        assert_eq!(memory.status(&key(), "u", None), None);
    }

    #[test]
    fn only_the_status_that_was_written_last_is_an_echo() {
        let memory = Memory::default();
        let written = ChatClusterStatus {
            url: Some("http://new".to_owned()),
            ..ChatClusterStatus::default()
        };
        assert!(!memory.is_echo(&key(), "u", None));
        memory.writes_status(&key(), "u", written.clone(), Instant::now());
        let foreign = ChatClusterStatus::default();
        assert!(!memory.is_echo(&key(), "u", Some(&foreign)));
        assert!(memory.is_echo(&key(), "u", Some(&written)));
        assert!(!memory.is_echo(&key(), "u", Some(&written)));
    }

    #[test]
    fn a_new_cluster_of_the_same_name_starts_with_nothing() {
        let memory = Memory::default();
        memory.writes_status(&key(), "old", ChatClusterStatus::default(), Instant::now());
        assert_eq!(memory.status(&key(), "new", None), None);
    }

    #[test]
    fn the_steps_of_two_seconds_are_one_status_and_a_step_after_a_quiet_time_is_told_at_once() {
        let memory = Memory::default();
        let start = Instant::now();
        let wait = |after_ms| {
            let now = start + Duration::from_millis(after_ms);
            memory
                .wait_for_next_step(&key(), "u", now)
                .map(|left| left.as_millis())
        };
        assert_eq!(wait(0), Some(2000));
        assert_eq!(wait(500), Some(1500));
        assert_eq!(wait(2000), None);
        let written = start + Duration::from_millis(2000);
        memory.writes_status(&key(), "u", ChatClusterStatus::default(), written);
        assert_eq!(wait(2500), Some(1500));
        assert_eq!(wait(9000), None);
    }

    #[test]
    fn what_is_told_later_is_told_once_and_together() {
        let memory = Memory::default();
        for created in ["Job a", "Deployment b"] {
            let changes = Changes {
                created: vec![created.to_owned()],
                ..Changes::default()
            };
            memory.tell_later(&key(), "u", changes);
        }
        assert_eq!(
            memory.untold(&key(), "u").created,
            ["Job a", "Deployment b"]
        );
        assert_eq!(memory.untold(&key(), "u"), Changes::default());
    }
}
