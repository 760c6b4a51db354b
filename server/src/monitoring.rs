//! How the chat is doing, for the monitoring routes: figures taken now and then, a score, and what is worth a look.
//!
//! Queues, presence and message rates are those of the whole chat. Calls, typing and response times are what this
//! gateway sees: what no store counts can only be counted where it happens.

mod judgement;
mod response_times;
mod sample;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub(crate) use self::judgement::{Alert, Performance, Verdict, recommendations};
pub(crate) use self::response_times::ResponseTimes;
pub(crate) use self::sample::{CacheStats, Sample, cache, take};

use crate::app::App;

/// Between two samples.
const EVERY: Duration = Duration::from_secs(15);
/// Samples that are kept.
const SAMPLES: usize = 20;
/// Alerts that are kept.
const ALERTS: usize = 50;

/// What was seen lately.
#[derive(Default)]
pub(crate) struct Monitoring {
    pub(crate) response_times: ResponseTimes,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    samples: VecDeque<Sample>,
    alerts: VecDeque<Alert>,
}

impl Monitoring {
    /// The samples, oldest first.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.lock().samples.iter().cloned().collect()
    }

    /// The alerts, latest first.
    pub(crate) fn alerts(&self) -> Vec<Alert> {
        self.lock().alerts.iter().rev().cloned().collect()
    }

    /// Takes a sample in. An alert is given once, when its figure crosses the threshold, not with every sample after.
    fn observe(&self, sample: Sample, high_watermark: u64) {
        let mut seen = self.lock();
        let before: Vec<&'static str> = seen
            .samples
            .back()
            .map(|last| judgement::alerts(last, high_watermark))
            .unwrap_or_default()
            .iter()
            .map(|alert| alert.metric)
            .collect();
        let new = judgement::alerts(&sample, high_watermark)
            .into_iter()
            .filter(|alert| !before.contains(&alert.metric));
        for alert in new {
            seen.alerts.push_back(alert);
        }
        seen.samples.push_back(sample);
        let (samples, alerts) = (seen.samples.len(), seen.alerts.len());
        seen.samples.drain(..samples.saturating_sub(SAMPLES));
        seen.alerts.drain(..alerts.saturating_sub(ALERTS));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Samples until `stop`.
pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut counted = None;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let Some(sample) = stop.run_until_cancelled(take(&app, &mut counted)).await else {
            return;
        };
        app.monitoring.observe(sample, app.config.shedding.high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_given_when_something_goes_wrong_and_again_only_after_it_was_well() {
        let monitoring = Monitoring::default();
        let queue = |high| {
            let mut sample = Sample::healthy();
            sample.queue_depth.high = high;
            sample
        };
        for (depth, alerts) in [(0, 0), (20_000, 1), (30_000, 1), (0, 1), (20_000, 2)] {
            monitoring.observe(queue(depth), 10_000);
            assert_eq!(monitoring.alerts().len(), alerts, "{depth}");
        }
        for _ in 0..99 {
            monitoring.observe(queue(0), 10_000);
        }
        assert_eq!(monitoring.samples().len(), SAMPLES);
    }
}
