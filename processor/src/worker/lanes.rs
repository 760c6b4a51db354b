//! Held lanes: a room whose first job fails waits for its retries, in order, while other rooms go on.
//!
//! Pure bookkeeping: time comes in as a parameter, deliveries are opaque.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// The failing job at the head of a lane and all that arrived behind it.
#[derive(Debug)]
struct Lane<T> {
    items: VecDeque<T>,
    due: Instant,
}

/// The held lanes of one partition.
#[derive(Debug)]
pub struct Lanes<T> {
    held: HashMap<Uuid, Lane<T>>,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
        }
    }
}

impl<T> Lanes<T> {
    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many items are held.
    pub fn len(&self) -> usize {
        self.held.values().map(|lane| lane.items.len()).sum()
    }

    /// Holds `lane` for `wait`, with `items` (the failing job first) in front of whatever is parked there already.
    pub fn hold(
        &mut self,
        lane: Uuid,
        items: impl IntoIterator<Item = T>,
        wait: Duration,
        now: Instant,
    ) {
        let mut items: VecDeque<T> = items.into_iter().collect();
        if let Some(behind) = self.held.remove(&lane) {
            items.extend(behind.items);
        }
        if !items.is_empty() {
            self.held.insert(
                lane,
                Lane {
                    items,
                    due: now + wait,
                },
            );
        }
    }

    /// Takes `item` in if its lane is held, else gives it back.
    pub fn park(&mut self, lane: Uuid, item: T) -> Option<T> {
        match self.held.get_mut(&lane) {
            Some(held) => {
                held.items.push_back(item);
                None
            }
            None => Some(item),
        }
    }

    /// Drops every item, because the broker gives all of them out again, but keeps the lanes held: what comes again
    /// is parked in its old order. Returns how many were dropped.
    pub fn drop_items(&mut self) -> usize {
        let dropped = self.len();
        for lane in self.held.values_mut() {
            lane.items.clear();
        }
        dropped
    }

    /// When the next lane is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.held.values().map(|lane| lane.due).min()
    }

    /// Releases one lane that is due: everything in it, in order.
    pub fn release_due(&mut self, now: Instant) -> Option<VecDeque<T>> {
        let lane = self
            .held
            .iter()
            .find(|(_, lane)| lane.due <= now)
            .map(|(lane, _)| *lane)?;
        self.held.remove(&lane).map(|lane| lane.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lane_keeps_its_order_and_lets_other_rooms_pass() {
        let (poisoned, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let now = Instant::now();
        let mut lanes = Lanes::default();
        lanes.hold(poisoned, ["first", "second"], Duration::from_secs(1), now);
        assert_eq!(lanes.park(poisoned, "third"), None);
        assert_eq!(lanes.park(other, "else"), Some("else"));
        assert_eq!(lanes.release_due(now), None);
        let released = lanes.release_due(now + Duration::from_secs(1)).unwrap();
        assert_eq!(released, ["first", "second", "third"]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn a_lane_held_again_keeps_what_arrived_meanwhile_behind() {
        let lane = Uuid::from_u128(1);
        let now = Instant::now();
        let mut lanes = Lanes::default();
        lanes.hold(lane, ["late"], Duration::from_secs(1), now);
        lanes.hold(lane, ["head"], Duration::from_secs(5), now);
        assert_eq!(lanes.next_due(), Some(now + Duration::from_secs(5)));
        assert_eq!(
            lanes.release_due(now + Duration::from_secs(5)).unwrap(),
            ["head", "late"]
        );
    }
}
