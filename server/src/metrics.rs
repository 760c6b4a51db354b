//! The gateway's metrics (the wire contract, §4.6). Every name is exported from the start, labels are closed sets.

use chat_core::names::Queue;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat_processor::worker::metrics::STAGE_SECONDS;

use crate::sockets::namespace::Namespace;

/// Bounds of latencies in seconds, from what a good minute looks like to what nobody waits for.
const LATENCY_SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// All metrics of a gateway and the registry that exports them.
pub(crate) struct Metrics {
    registry: Registry,
    connections: Family<NamespaceLabel, Gauge>,
    events_received: Family<EventLabels, Counter>,
    jobs_published: Family<JobLabels, Counter>,
    jobs_processed: Family<ResultLabels, Counter>,
    job_duration: Family<JobLabels, Histogram, fn() -> Histogram>,
    deliver_latency: Histogram,
    stage_duration: Family<StageLabel, Histogram, fn() -> Histogram>,
    queue_ready: Family<QueueLabel, Gauge>,
    shedding: Gauge,
    shed: Family<ShedLabel, Counter>,
    rate_limited: Family<BucketLabel, Counter>,
    http_requests: Family<HttpLabels, Counter>,
    fanout_repaired: Counter,
    calls: AtomicU64,
    typing: AtomicU64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamespaceLabel {
    namespace: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    dialect: &'static str,
    event: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    queue: &'static str,
    r#type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    queue: &'static str,
    r#type: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabel {
    queue: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShedLabel {
    event: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BucketLabel {
    bucket: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

/// What a gateway does with an act, in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    /// Every rule that can refuse it.
    Check,
    /// From the hand-over to the broker's confirm.
    Publish,
    /// Everything, by the gateway itself, while the broker is away.
    Direct,
    /// From the fan-out's arrival to the last of the local sockets' queues.
    Emit,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Check, Self::Publish, Self::Direct, Self::Emit];

    const fn label(self) -> StageLabel {
        StageLabel {
            stage: match self {
                Self::Check => "check",
                Self::Publish => "publish",
                Self::Direct => "direct",
                Self::Emit => "emit",
            },
        }
    }
}

/// The route is the router's template, never a path of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    route: String,
    status: u16,
}

fn latency_histogram() -> Histogram {
    Histogram::new(LATENCY_SECONDS)
}

fn stage_histogram() -> Histogram {
    Histogram::new(STAGE_SECONDS)
}

impl Metrics {
    /// Registers every metric and gives each closed label set its first sample.
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("chat"),
            connections: Family::default(),
            events_received: Family::default(),
            jobs_published: Family::default(),
            jobs_processed: Family::default(),
            job_duration: Family::new_with_constructor(latency_histogram as fn() -> Histogram),
            deliver_latency: latency_histogram(),
            stage_duration: Family::new_with_constructor(stage_histogram as fn() -> Histogram),
            queue_ready: Family::default(),
            shedding: Gauge::default(),
            shed: Family::default(),
            rate_limited: Family::default(),
            http_requests: Family::default(),
            fanout_repaired: Counter::default(),
            calls: AtomicU64::new(0),
            typing: AtomicU64::new(0),
        };
        metrics.first_samples();
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register(
            "connections",
            "Sockets connected to a namespace",
            self.connections.clone(),
        );
        registry.register(
            "events_received",
            "Events that clients sent",
            self.events_received.clone(),
        );
        registry.register(
            "jobs_published",
            "Jobs that the broker confirmed",
            self.jobs_published.clone(),
        );
        registry.register(
            "jobs_processed",
            "Jobs that this process did itself, because the broker was away",
            self.jobs_processed.clone(),
        );
        registry.register(
            "job_duration_seconds",
            "Time that this process took for a job",
            self.job_duration.clone(),
        );
        registry.register(
            "deliver_latency_seconds",
            "From the gateway that took a message in to the emit at this gateway",
            self.deliver_latency.clone(),
        );
        registry.register(
            "stage_duration_seconds",
            "Time of one stage of an act's way through this process",
            self.stage_duration.clone(),
        );
        registry.register(
            "queue_messages_ready",
            "Jobs waiting in a logical queue, as last sampled",
            self.queue_ready.clone(),
        );
        registry.register(
            "shed",
            "Events dropped while the queue was too long",
            self.shed.clone(),
        );
        registry.register(
            "rate_limited",
            "Requests and events refused by a rate limit",
            self.rate_limited.clone(),
        );
        registry.register(
            "http_requests",
            "Requests answered",
            self.http_requests.clone(),
        );
        registry.register(
            "fanout_repaired_messages",
            "Messages that did not come by their channel and were emitted after a look at their room's head",
            self.fanout_repaired.clone(),
        );
        registry.register(
            "shedding",
            "1 while typing and presence are dropped",
            self.shedding.clone(),
        );
        self
    }

    fn first_samples(&self) {
        for namespace in Namespace::ALL {
            self.connections(namespace).set(0);
        }
        for queue in [Queue::High, Queue::Medium, Queue::Low] {
            self.queue_ready(queue).set(0);
        }
        for (queue, r#type) in [
            (Queue::High, "message.send"),
            (Queue::Medium, "room.created"),
            (Queue::Low, "typing"),
            (Queue::Low, "presence.set"),
        ] {
            let queue = queue.name();
            drop(
                self.jobs_published
                    .get_or_create_owned(&JobLabels { queue, r#type }),
            );
            drop(
                self.job_duration
                    .get_or_create_owned(&JobLabels { queue, r#type }),
            );
            for result in ["ok", "failed"] {
                drop(self.jobs_processed.get_or_create_owned(&ResultLabels {
                    queue,
                    r#type,
                    result,
                }));
            }
        }
        for stage in Stage::ALL {
            drop(self.stage_duration.get_or_create_owned(&stage.label()));
        }
        for event in ["typing.start", "typing.stop", "presence.set"] {
            drop(self.shed.get_or_create_owned(&ShedLabel { event }));
        }
        for bucket in [
            "message", "login", "register", "rest", "typing", "presence", "event",
        ] {
            drop(
                self.rate_limited
                    .get_or_create_owned(&BucketLabel { bucket }),
            );
        }
        drop(self.events_received.get_or_create_owned(&EventLabels {
            dialect: "canonical",
            event: "message.send",
        }));
        drop(self.http_requests.get_or_create_owned(&HttpLabels {
            route: "/health/liveness".to_owned(),
            status: 200,
        }));
    }

    /// Sockets of a namespace.
    pub(crate) fn connections(&self, namespace: Namespace) -> Gauge {
        self.connections.get_or_create_owned(&NamespaceLabel {
            namespace: namespace.name(),
        })
    }

    /// Ready jobs of a logical queue.
    pub(crate) fn queue_ready(&self, queue: Queue) -> Gauge {
        self.queue_ready.get_or_create_owned(&QueueLabel {
            queue: queue.name(),
        })
    }

    /// A client sent an event; `event` comes from the table of known events.
    pub(crate) fn event_received(&self, dialect: &'static str, event: &'static str) {
        self.events_received
            .get_or_create(&EventLabels { dialect, event })
            .inc();
        let lower = event.to_ascii_lowercase();
        if lower.contains("typing") {
            self.typing.fetch_add(1, Ordering::Relaxed);
        } else if lower.contains("call") {
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events of calls and of typing came in so far, in any dialect.
    pub(crate) fn calls_and_typing(&self) -> (u64, u64) {
        (
            self.calls.load(Ordering::Relaxed),
            self.typing.load(Ordering::Relaxed),
        )
    }

    /// The broker confirmed a job.
    pub(crate) fn job_published(&self, queue: Queue, r#type: &'static str) {
        let queue = queue.name();
        self.jobs_published
            .get_or_create(&JobLabels { queue, r#type })
            .inc();
    }

    /// This process did a job itself.
    pub(crate) fn job_processed(
        &self,
        queue: Queue,
        r#type: &'static str,
        done: bool,
        took: Duration,
    ) {
        let queue = queue.name();
        let result = if done { "ok" } else { "failed" };
        self.jobs_processed
            .get_or_create(&ResultLabels {
                queue,
                r#type,
                result,
            })
            .inc();
        self.job_duration
            .get_or_create(&JobLabels { queue, r#type })
            .observe(took.as_secs_f64());
    }

    /// A message reached this gateway's sockets.
    pub(crate) fn delivered(&self, seconds: f64) {
        self.deliver_latency.observe(seconds);
    }

    /// A stage of an act took so long.
    pub(crate) fn stage(&self, stage: Stage, took: Duration) {
        self.stage_duration
            .get_or_create(&stage.label())
            .observe(took.as_secs_f64());
    }

    /// An event was dropped because the queue is too long.
    pub(crate) fn shed(&self, event: &'static str) {
        self.shed.get_or_create(&ShedLabel { event }).inc();
    }

    /// Messages were found missing and made good.
    pub(crate) fn fanout_repaired(&self, messages: usize) {
        self.fanout_repaired
            .inc_by(u64::try_from(messages).unwrap_or(u64::MAX));
    }

    /// Whether typing and presence are dropped.
    pub(crate) fn shedding(&self, active: bool) {
        self.shedding.set(i64::from(active));
    }

    /// A rate limit refused something.
    pub(crate) fn rate_limited(&self, bucket: &'static str) {
        self.rate_limited
            .get_or_create(&BucketLabel { bucket })
            .inc();
    }

    /// A request was answered.
    pub(crate) fn http_request(&self, route: &str, status: u16) {
        let route = route.to_owned();
        self.http_requests
            .get_or_create(&HttpLabels { route, status })
            .inc();
    }

    /// The OpenMetrics text.
    pub(crate) fn open_metrics(&self) -> Result<String, std::fmt::Error> {
        let mut exported = String::new();
        text::encode(&mut exported, &self.registry)?;
        Ok(exported)
    }

    /// The older Prometheus text, for whoever does not ask for OpenMetrics.
    pub(crate) fn prometheus_text(&self) -> Result<String, std::fmt::Error> {
        self.open_metrics().map(|text| to_prometheus_text(&text))
    }
}

/// The two formats differ in what a counter is called in its description, and in the end mark.
fn to_prometheus_text(open_metrics: &str) -> String {
    let counters: Vec<&str> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let described = ["# HELP ", "# TYPE "].iter().find_map(|kind| {
            let (name, rest) = line.strip_prefix(kind)?.split_once(' ')?;
            counters.contains(&name).then_some((kind, name, rest))
        });
        match described {
            Some((kind, name, rest)) => {
                text.push_str(kind);
                text.push_str(name);
                text.push_str("_total ");
                text.push_str(rest);
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_contract_has_a_sample_from_the_start() {
        let exported = Metrics::new().prometheus_text().unwrap();
        for name in [
            "chat_connections{",
            "chat_events_received_total{",
            "chat_jobs_published_total{",
            "chat_jobs_processed_total{",
            "chat_job_duration_seconds_bucket{",
            "chat_deliver_latency_seconds_bucket{",
            "chat_stage_duration_seconds_bucket{",
            "chat_queue_messages_ready{",
            "chat_shedding ",
            "chat_shed_total{",
            "chat_rate_limited_total{",
            "chat_http_requests_total{",
        ] {
            assert!(
                exported.lines().any(|line| line.starts_with(name)),
                "{name} has no sample in\n{exported}"
            );
        }
        assert!(exported.contains("# HELP chat_connections "));
        assert!(exported.contains("# TYPE chat_connections gauge"));
        assert!(exported.contains("# TYPE chat_shed_total counter"));
        assert!(!exported.contains("# EOF"));
    }
}
