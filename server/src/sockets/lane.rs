//! The events of one socket, one after the other: a sender's messages keep their order.
//!
//! An idle socket has no task. What takes long for others' reasons (the broker's confirm) is awaited beside the lane.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most events of one socket that wait, and most bytes of their payloads; a client that sends faster than it is
/// answered is told to slow down.
const MOST_WAITING: usize = 2048;
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A queue with at most one worker.
#[derive(Debug)]
pub(crate) struct Lane<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<(T, usize)>,
    bytes: usize,
    busy: bool,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                bytes: 0,
                busy: false,
            }),
        }
    }
}

/// What [`Lane::push`] did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<T> {
    /// It waits, and the caller must start the worker.
    StartWorker,
    /// It waits, the worker will come to it.
    Waits,
    /// There are too many already.
    Full(T),
}

impl<T> Lane<T> {
    /// Puts an event of this size at the end.
    pub(crate) fn push(&self, event: T, bytes: usize) -> Pushed<T> {
        let mut state = self.lock();
        if state.waiting.len() >= MOST_WAITING || state.bytes >= MOST_BYTES {
            return Pushed::Full(event);
        }
        state.waiting.push_back((event, bytes));
        state.bytes += bytes;
        if state.busy {
            Pushed::Waits
        } else {
            state.busy = true;
            Pushed::StartWorker
        }
    }

    /// The next event for the worker; `None` ends it.
    pub(crate) fn next(&self) -> Option<T> {
        let mut state = self.lock();
        let Some((next, bytes)) = state.waiting.pop_front() else {
            state.busy = false;
            // An idle socket keeps no buffer.
            state.waiting = VecDeque::new();
            return None;
        };
        state.bytes -= bytes;
        Some(next)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_one_worker_that_sees_the_events_in_order() {
        let lane = Lane::default();
        assert_eq!(lane.push(1, 0), Pushed::StartWorker);
        assert_eq!(lane.push(2, 0), Pushed::Waits);
        assert_eq!(
            (lane.next(), lane.next(), lane.next()),
            (Some(1), Some(2), None)
        );
        assert_eq!(lane.push(3, 0), Pushed::StartWorker);
    }

    #[test]
    fn a_full_lane_gives_the_event_back() {
        let lane = Lane::default();
        for event in 0..MOST_WAITING {
            assert!(!matches!(lane.push(event, 0), Pushed::Full(_)));
        }
        assert_eq!(lane.push(9999, 0), Pushed::Full(9999));
        let lane = Lane::default();
        assert_eq!(lane.push(1, MOST_BYTES), Pushed::StartWorker);
        assert_eq!(lane.push(2, 1), Pushed::Full(2));
    }
}
