//! How long this gateway's latest REST answers took.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// Answers that are remembered.
const REMEMBERED: usize = 1000;

/// A ring of durations.
#[derive(Default)]
pub(crate) struct ResponseTimes(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    micros: Vec<u32>,
    next: usize,
}

/// In milliseconds; 0 before the first answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, schemars::JsonSchema)]

pub(crate) struct Summary {
    pub(crate) average: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

impl ResponseTimes {
    /// Remembers an answer.
    pub(crate) fn add(&self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.micros.len() < REMEMBERED {
            ring.micros.push(micros);
        } else {
            let next = ring.next;
            ring.micros[next] = micros;
            ring.next = (next + 1) % REMEMBERED;
        }
    }

    /// What they come to.
    pub(crate) fn summary(&self) -> Summary {
        let mut micros = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .micros
            .clone();
        if micros.is_empty() {
            return Summary::default();
        }
        micros.sort_unstable();
        let millis = |micros: u32| f64::from(micros) / 1000.0;
        let quantile =
            |percent: usize| millis(micros[(micros.len() * percent / 100).min(micros.len() - 1)]);
        let sum: u64 = micros.iter().copied().map(u64::from).sum();
        let mean = sum / u64::try_from(micros.len()).unwrap_or(1);
        Summary {
            average: millis(u32::try_from(mean).unwrap_or(u32::MAX)),
            p95: quantile(95),
            p99: quantile(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_answers_count() {
        let times = ResponseTimes::default();
        assert_eq!(times.summary(), Summary::default());
        for _ in 0..REMEMBERED {
            times.add(Duration::from_secs(9));
        }
        for millis in 1..=1000 {
            times.add(Duration::from_millis(millis));
        }
        let summary = times.summary();
        assert_eq!(
            (summary.average, summary.p95, summary.p99),
            (500.5, 951.0, 991.0)
        );
    }
}
