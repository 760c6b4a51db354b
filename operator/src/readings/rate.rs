//! How fast one processor works jobs off, measured while there is enough to do, and from it how long a backlog takes.
//!
//! The rate is kept for one processor and not for all, so that the estimate follows at once when their number changes. An
//! autoscaler that divided by a rate measured before its last step would take that step again.

use std::time::Duration;

use tokio::time::Instant;

/// Weight of a new measurement.
const WEIGHT: f64 = 0.3;
/// Jobs that each processor must have before it at both ends of a measurement, or it may have idled in between.
const BUSY_BACKLOG: i64 = 50;
/// The shortest time over which a rate can be measured: the broker itself refreshes its counters every second.
const SHORTEST: Duration = Duration::from_millis(1500);
/// A rate below this counts as this, so that the drain time stays a number.
const SLOWEST: f64 = 0.1;

/// The rate of one processor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceRate {
    per_processor: Option<f64>,
    last: Option<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    acked: i64,
    backlog: i64,
    processors: i32,
    at: Instant,
}

impl ServiceRate {
    /// Takes a measurement: jobs acknowledged since the broker started, jobs waiting or in work, processors that are ready.
    pub(super) fn observe(&mut self, acked: i64, backlog: i64, processors: i32, at: Instant) {
        let point = Point {
            acked,
            backlog,
            processors,
            at,
        };
        let Some(last) = self.last else {
            self.last = Some(point);
            return;
        };
        let elapsed = at.duration_since(last.at);
        if elapsed < SHORTEST {
            return;
        }
        self.last = Some(point);
        let busy = last.backlog.min(backlog) >= BUSY_BACKLOG * i64::from(processors.max(1));
        // A counter that went back belongs to a broker that was restarted.
        let comparable = acked >= last.acked && processors > 0 && processors == last.processors;
        if !busy || !comparable {
            return;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "jobs in two seconds are far below 2^52"
        )]
        let measured = (acked - last.acked) as f64 / elapsed.as_secs_f64() / f64::from(processors);
        self.per_processor = Some(match self.per_processor {
            Some(known) => known + WEIGHT * (measured - known),
            None => measured,
        });
    }

    /// Seconds in which so many processors work a backlog off; `None` while nothing has been measured.
    #[must_use]
    pub fn drain_seconds(&self, backlog: i64, processors: i32) -> Option<f64> {
        if backlog == 0 {
            return Some(0.0);
        }
        let rate = self.per_processor?.max(SLOWEST) * f64::from(processors.max(1));
        #[expect(clippy::cast_precision_loss, reason = "a backlog is far below 2^52")]
        Some(backlog as f64 / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, start: Instant) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn the_drain_time_follows_the_number_of_processors_at_once() {
        let start = Instant::now();
        let mut rate = ServiceRate::default();
        rate.observe(0, 10_000, 1, start);
        rate.observe(1_000, 9_000, 1, after(2, start));
        assert_eq!(rate.drain_seconds(9_000, 1), Some(18.0));
        assert_eq!(rate.drain_seconds(9_000, 3), Some(6.0));
    }

    #[test]
    fn idle_time_is_not_taken_for_slowness() {
        let start = Instant::now();
        let mut rate = ServiceRate::default();
        rate.observe(0, 10_000, 1, start);
        rate.observe(1_000, 10_000, 1, after(2, start));
        rate.observe(1_010, 0, 1, after(4, start));
        assert_eq!(rate.drain_seconds(500, 1), Some(1.0));
    }

    #[test]
    fn nothing_measured_is_no_drain_time_and_no_backlog_is_zero() {
        let rate = ServiceRate::default();
        assert_eq!(rate.drain_seconds(5, 1), None);
        assert_eq!(rate.drain_seconds(0, 1), Some(0.0));
    }

    #[test]
    fn a_restarted_broker_and_a_change_of_processors_are_not_measured() {
        let start = Instant::now();
        let mut rate = ServiceRate::default();
        rate.observe(5_000, 10_000, 1, start);
        rate.observe(0, 10_000, 1, after(2, start));
        rate.observe(4_000, 10_000, 2, after(4, start));
        assert_eq!(rate.drain_seconds(5, 1), None);
    }

    #[test]
    fn work_that_has_stopped_is_slow_but_not_infinite() {
        let start = Instant::now();
        let mut rate = ServiceRate::default();
        rate.observe(0, 10_000, 1, start);
        rate.observe(0, 10_000, 1, after(2, start));
        assert_eq!(rate.drain_seconds(10, 1), Some(100.0));
    }
}
