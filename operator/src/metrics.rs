//! The operator's own metrics.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Counters of one operator.
#[derive(Debug, Clone)]
pub struct Metrics {
    reconciliations: Family<ResultLabel, Counter>,
    seconds: Histogram,
    writes: Family<WriteLabel, Counter>,
    /// ChatClusters known.
    pub clusters: Gauge,
    /// Objects known.
    pub objects: Gauge,
    /// 1 when this operator leads.
    pub leader: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabel {
    verb: Verb,
}

/// How a reconciliation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(
    non_camel_case_types,
    reason = "the label's values are written in lower case"
)]
pub enum Outcome {
    /// Done.
    success,
    /// To be tried again.
    error,
}

/// What was written to the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(
    non_camel_case_types,
    reason = "the label's values are written in lower case"
)]
pub enum Verb {
    /// A server-side apply.
    apply,
    /// A patch of one field.
    patch,
    /// A deletion.
    delete,
    /// A status.
    status,
    /// An event.
    event,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            reconciliations: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            writes: Family::default(),
            clusters: Gauge::default(),
            objects: Gauge::default(),
            leader: Gauge::default(),
        }
    }
}

impl Metrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("chat_operator");
        registry.register(
            "reconciliations",
            "Reconciliations",
            self.reconciliations.clone(),
        );
        registry.register(
            "reconcile_duration_seconds",
            "Time of a reconciliation",
            self.seconds.clone(),
        );
        registry.register("writes", "Writes to the API server", self.writes.clone());
        registry.register("clusters", "ChatClusters known", self.clusters.clone());
        registry.register(
            "objects",
            "Objects of ChatClusters known",
            self.objects.clone(),
        );
        registry.register("leader", "1 when this operator leads", self.leader.clone());
    }

    /// Counts a reconciliation.
    pub fn reconciled(&self, result: Outcome, took: Duration) {
        self.reconciliations
            .get_or_create(&ResultLabel { result })
            .inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts a write.
    pub fn wrote(&self, verb: Verb) {
        self.writes.get_or_create(&WriteLabel { verb }).inc();
    }
}
