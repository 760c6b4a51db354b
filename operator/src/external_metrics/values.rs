//! The metrics and their values. A value that is not known is left out and never 0: an autoscaler that gets none keeps the
//! present number of replicas.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::build::Component;
use crate::children::{Children, ClusterKey};
use crate::crd::ChatClusterSpec;
use crate::readings::{LogicalQueue, Reading, Readings, ready};

/// How long the number of connections is good for, in seconds; gateways are many, and one that restarts must not count.
const CONNECTIONS_GOOD_FOR: i32 = 60;

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Jobs waiting in a queue.
    Ready,
    /// Jobs in work.
    Unacked,
    /// Both.
    Backlog,
    /// Seconds in which the present processors work the backlog off.
    DrainSeconds,
    /// Sockets over all gateways.
    Connections,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::Unacked,
        Self::Backlog,
        Self::DrainSeconds,
        Self::Connections,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "rabbitmq_queue_messages_ready",
            Self::Unacked => "rabbitmq_queue_messages_unacked",
            Self::Backlog => "chat_queue_backlog",
            Self::DrainSeconds => "chat_queue_drain_seconds",
            Self::Connections => "chat_gateway_connections",
        }
    }

    /// The metric of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

/// One value with its labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    pub(super) labels: BTreeMap<&'static str, String>,
    pub(super) value: f64,
}

/// The values of a metric for one ChatCluster.
pub(super) fn values(
    metric: Metric,
    cluster: &str,
    spec: &ChatClusterSpec,
    reading: &Reading,
    processors: i32,
    now: Instant,
) -> Vec<Value> {
    if metric == Metric::Connections {
        return reading
            .connections
            .fresh(CONNECTIONS_GOOD_FOR, now)
            .map(|connections| Value {
                labels: BTreeMap::from([("cluster", cluster.to_owned())]),
                value: whole(connections.sockets),
            })
            .into_iter()
            .collect();
    }
    let autoscaling = spec.processors.autoscaling.clone().unwrap_or_default();
    let labels = |queue: LogicalQueue| {
        BTreeMap::from([
            ("cluster", cluster.to_owned()),
            ("queue", queue.name().to_owned()),
        ])
    };
    let Some(depths) = reading.queues.fresh(autoscaling.stale_after_seconds, now) else {
        let Some(replicas) = autoscaling.fallback.replicas else {
            return Vec::new();
        };
        // The values that lead an autoscaler to the set number.
        let value = match metric {
            Metric::Backlog => {
                f64::from(replicas) * f64::from(autoscaling.target_backlog_per_replica)
            }
            Metric::DrainSeconds => 0.0,
            Metric::Ready | Metric::Unacked | Metric::Connections => return Vec::new(),
        };
        return vec![Value {
            labels: labels(LogicalQueue::High),
            value,
        }];
    };
    LogicalQueue::ALL
        .into_iter()
        .filter_map(|queue| {
            let depth = *depths.get(&queue)?;
            let value = match metric {
                Metric::Ready => whole(depth.ready),
                Metric::Unacked => whole(depth.unacked),
                Metric::Backlog => whole(depth.backlog()),
                Metric::DrainSeconds if LogicalQueue::WORK.contains(&queue) => {
                    reading.rate.drain_seconds(depth.backlog(), processors)?
                }
                Metric::DrainSeconds | Metric::Connections => return None,
            };
            Some(Value {
                labels: labels(queue),
                value,
            })
        })
        .collect()
}

/// One number for a whole ChatCluster: the sum over what processors or gateways are scaled on, as KEDA asks for it.
#[must_use]
pub fn work(
    metric: Metric,
    key: &ClusterKey,
    spec: &ChatClusterSpec,
    readings: &Readings,
    children: &Children,
) -> Option<f64> {
    let reading = readings.of(key)?;
    let processors = ready(&children.pods_of(key), Component::Processor);
    sum(
        metric,
        &key.name,
        spec,
        &reading,
        processors,
        Instant::now(),
    )
}

fn sum(
    metric: Metric,
    cluster: &str,
    spec: &ChatClusterSpec,
    reading: &Reading,
    processors: i32,
    now: Instant,
) -> Option<f64> {
    let counted = |metric| {
        let found = values(metric, cluster, spec, reading, processors, now);
        let counted: Vec<_> = found
            .iter()
            .filter(|value| {
                value
                    .labels
                    .get("queue")
                    .is_none_or(|queue| LogicalQueue::WORK.iter().any(|work| work.name() == queue))
            })
            .map(|value| value.value)
            .collect();
        (!counted.is_empty()).then(|| counted.iter().sum::<f64>())
    };
    match (metric, counted(metric)) {
        // The queues are known, only no rate has been measured yet. KEDA would take an error for a failed read, count it and
        // fall back; a drain time of 0 asks for nothing, and leaves the decision to the backlog.
        (Metric::DrainSeconds, None) => counted(Metric::Backlog).map(|_| 0.0),
        (_, found) => found,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "jobs and sockets are far fewer than 2^52"
)]
fn whole(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::readings::{Depth, Depths, Kept};

    fn reading(now: Instant) -> Reading {
        let depth = |ready, unacked| Depth {
            ready,
            unacked,
            ..Depth::default()
        };
        Reading {
            queues: Kept {
                good: Some((
                    Depths::from([
                        (LogicalQueue::High, depth(10, 5)),
                        (LogicalQueue::DeadLetter, depth(2, 0)),
                    ]),
                    now,
                )),
                failure: None,
            },
            ..Reading::default()
        }
    }

    fn spec(autoscaling: &str) -> ChatClusterSpec {
        serde_yaml_ng::from_str(&format!("processors: {{autoscaling: {autoscaling}}}"))
            .expect("a spec")
    }

    fn total(metric: Metric, spec: &ChatClusterSpec, seconds_later: u64) -> Option<f64> {
        let now = Instant::now();
        let found = values(
            metric,
            "demo",
            spec,
            &reading(now),
            1,
            now + Duration::from_secs(seconds_later),
        );
        (!found.is_empty()).then(|| found.iter().map(|value| value.value).sum())
    }

    #[test]
    fn unacked_jobs_count_with_those_that_wait() {
        let spec = spec("{}");
        assert_eq!(total(Metric::Ready, &spec, 0), Some(12.0));
        assert_eq!(total(Metric::Unacked, &spec, 0), Some(5.0));
        assert_eq!(total(Metric::Backlog, &spec, 0), Some(17.0));
    }

    #[test]
    fn what_can_not_be_known_is_left_out_and_never_zero() {
        // The rate has not been measured, and no gateway has been read.
        assert_eq!(total(Metric::DrainSeconds, &spec("{}"), 0), None);
        assert_eq!(total(Metric::Connections, &spec("{}"), 0), None);
    }

    #[test]
    fn keda_is_not_told_of_a_failure_while_the_queues_are_known() {
        let now = Instant::now();
        let (known, unknown) = (reading(now), Reading::default());
        let work = |metric, reading| sum(metric, "demo", &spec("{}"), reading, 1, now);
        assert_eq!(work(Metric::Backlog, &known), Some(15.0));
        assert_eq!(work(Metric::DrainSeconds, &known), Some(0.0));
        assert_eq!(work(Metric::DrainSeconds, &unknown), None);
        assert_eq!(work(Metric::Connections, &known), None);
    }

    #[test]
    fn a_failed_read_holds_the_last_value_and_then_falls_back() {
        let hold = spec("{staleAfterSeconds: 30}");
        assert_eq!(total(Metric::Backlog, &hold, 29), Some(17.0));
        assert_eq!(total(Metric::Backlog, &hold, 31), None);
        let set =
            spec("{staleAfterSeconds: 30, targetBacklogPerReplica: 100, fallback: {replicas: 3}}");
        assert_eq!(total(Metric::Backlog, &set, 31), Some(300.0));
        assert_eq!(total(Metric::DrainSeconds, &set, 31), Some(0.0));
    }
}
