//! Whether a job may be handed to the broker at once, or must wait until its forerunners are settled.
//!
//! While the broker is away jobs are done here; when it comes back they are published again. At both changes a job could
//! overtake an earlier one of the same sender in the same room that takes the other way. So a job is published ahead of its
//! forerunners' answers only if they are all on their way on the same connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::ids::UserId;
use uuid::Uuid;

/// Room (or user, for acts without a room) and sender.
pub(super) type Key = (Uuid, UserId);

/// The lanes that have unsettled jobs; `W` is the way of a job: which connection.
pub(super) struct Lanes<W> {
    lanes: Mutex<HashMap<Key, Lane<W>>>,
}

struct Lane<W> {
    unsettled: usize,
    /// The way that all of them take; `None` if they don't all take one, or none of them is known to arrive.
    way: Option<W>,
}

/// A job's place in its lane, until it is settled.
pub(super) struct Place<W> {
    lanes: Arc<Lanes<W>>,
    key: Key,
}

impl<W> Default for Lanes<W> {
    fn default() -> Self {
        Self {
            lanes: Mutex::default(),
        }
    }
}

impl<W> Lanes<W> {
    /// Takes a place at the end of a lane; whether the job may be published at once on `way` (`None`: there is no broker).
    pub(super) fn enter(
        self: &Arc<Self>,
        key: Key,
        way: Option<W>,
        is_same: impl Fn(&W, &W) -> bool,
    ) -> (Place<W>, bool) {
        let mut lanes = self.lock();
        let may_go = match lanes.get_mut(&key) {
            None => {
                lanes.insert(key, Lane { unsettled: 1, way });
                true
            }
            Some(lane) => {
                lane.unsettled += 1;
                let goes_along = match (&lane.way, &way) {
                    (Some(theirs), Some(ours)) => is_same(theirs, ours),
                    _ => false,
                };
                if !goes_along {
                    // Those that follow wait as well, or they would overtake this one.
                    lane.way = None;
                }
                goes_along
            }
        };
        let lanes = Arc::clone(self);
        (Place { lanes, key }, may_go)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Lane<W>>> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Drop for Place<W> {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get_mut(&self.key) {
            lane.unsettled -= 1;
            if lane.unsettled == 0 {
                lanes.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(lanes: &Arc<Lanes<u8>>, user: UserId, way: Option<u8>) -> (Place<u8>, bool) {
        lanes.enter((Uuid::nil(), user), way, |one, other| one == other)
    }

    #[test]
    fn jobs_on_one_connection_don_t_wait_for_each_other() {
        let (lanes, user) = (Arc::default(), UserId::now_v7());
        let first = enter(&lanes, user, Some(1));
        let second = enter(&lanes, user, Some(1));
        assert!(first.1 && second.1);
    }

    #[test]
    fn a_job_waits_for_forerunners_that_took_another_way() {
        let (lanes, user) = (Arc::default(), UserId::now_v7());
        let before_the_loss = enter(&lanes, user, Some(1));
        let while_away = enter(&lanes, user, None);
        let on_the_next = enter(&lanes, user, Some(2));
        assert!(before_the_loss.1 && !while_away.1 && !on_the_next.1);
        // Not even on the connection of one that waits itself.
        assert!(!enter(&lanes, user, Some(2)).1);
        assert!(
            enter(&lanes, UserId::now_v7(), Some(2)).1,
            "others don't wait"
        );
    }

    #[test]
    fn what_is_done_here_holds_the_next_back_until_it_is_settled() {
        let (lanes, user) = (Arc::default(), UserId::now_v7());
        let done_here = enter(&lanes, user, None);
        assert!(!enter(&lanes, user, Some(1)).1);
        drop(done_here);
        assert!(enter(&lanes, user, Some(1)).1);
        assert!(lanes.lock().is_empty(), "settled lanes are forgotten");
    }
}
