//! The retry ladder: how long a failing job waits, and when it is given up.

use std::time::Duration;

/// The waits before the retries: 1 s, 5 s, 25 s, then times five, at most 125 s (the wire contract, §4.2).
#[derive(Debug, Clone, Copy)]
pub struct Ladder {
    max_retries: u32,
    unit: Duration,
}

impl Ladder {
    /// A ladder with this many retries after the first attempt.
    pub const fn new(max_retries: u32) -> Self {
        Self {
            max_retries,
            unit: Duration::from_secs(1),
        }
    }

    /// The same ladder with another length of its "second", for those who can't wait.
    #[must_use]
    pub const fn with_unit(mut self, unit: Duration) -> Self {
        self.unit = unit;
        self
    }

    /// The wait after `attempts` failed attempts (1 or more); `None` when the job is to be given up.
    pub fn wait_after(self, attempts: u32) -> Option<Duration> {
        if attempts == 0 || attempts > self.max_retries {
            return None;
        }
        let units = 5_u32.saturating_pow(attempts - 1).min(125);
        Some(self.unit * units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_one_five_twentyfive_seconds_then_gives_up() {
        let ladder = Ladder::new(3);
        let waits: Vec<_> = (1..=4)
            .map(|attempts| ladder.wait_after(attempts))
            .collect();
        assert_eq!(
            waits,
            [Some(1), Some(5), Some(25), None].map(|secs| secs.map(Duration::from_secs))
        );
    }

    #[test]
    fn a_longer_ladder_is_capped_at_125_seconds() {
        assert_eq!(Ladder::new(5).wait_after(5), Some(Duration::from_secs(125)));
        assert_eq!(Ladder::new(9).wait_after(9), Some(Duration::from_secs(125)));
    }

    #[test]
    fn no_retries_means_the_first_failure_is_the_last() {
        assert_eq!(Ladder::new(0).wait_after(1), None);
    }
}
