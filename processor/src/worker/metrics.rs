//! What the workers count.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Result of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum JobResult {
    /// Committed.
    Done,
    /// Failed and held for a retry.
    Retried,
    /// Dead-lettered.
    Dead,
    /// Dropped: a transient job that failed.
    Dropped,
}

/// Labels of a processed job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct JobLabels {
    /// Logical queue.
    pub queue: &'static str,
    /// Name of the act.
    pub r#type: &'static str,
    /// Result.
    pub result: JobResult,
}

/// Labels of a duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    /// Logical queue.
    pub queue: &'static str,
    /// Name of the act.
    pub r#type: &'static str,
}

/// Bounds of a stage in seconds: from next to nothing to what holds everything up.
pub const STAGE_SECONDS: [f64; 14] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 2.0, 10.0,
];

/// What a worker does with a job, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Stage {
    /// From the gateway's taking the act in to the worker's having it.
    Wait,
    /// The transaction of its batch, pauses for a database that is away included.
    Commit,
    /// Telling the gateways of the batch by Redis.
    FanOut,
    /// Appending the batch to the event log, beside the fan-out.
    Log,
}

/// Labels of a stage's duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StageLabels {
    /// The stage.
    pub stage: Stage,
}

/// The workers' metrics.
#[derive(Debug, Clone)]
pub struct WorkerMetrics {
    /// Jobs by result.
    pub processed: Family<JobLabels, Counter>,
    /// Seconds from the gateway's taking an act in to its commit and fan-out.
    pub duration: Family<KindLabels, Histogram>,
    /// Seconds of each stage.
    stages: Family<StageLabels, Histogram>,
    /// Jobs of one transaction.
    pub batch: Histogram,
    /// Partitions that this processor should work on.
    pub partitions: Gauge,
    /// Jobs that wait in held lanes.
    pub held: Gauge,
}

impl Default for WorkerMetrics {
    fn default() -> Self {
        Self {
            processed: Family::default(),
            duration: Family::new_with_constructor(|| {
                // Around the targets of 100 ms, 500 ms and 2 s.
                Histogram::new([
                    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 30.0,
                ])
            }),
            stages: Family::new_with_constructor(|| Histogram::new(STAGE_SECONDS)),
            batch: Histogram::new([1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0]),
            partitions: Gauge::default(),
            held: Gauge::default(),
        }
    }
}

impl WorkerMetrics {
    /// A stage took so long.
    pub fn stage(&self, stage: Stage, took: Duration) {
        self.stages
            .get_or_create(&StageLabels { stage })
            .observe(took.as_secs_f64());
    }

    /// Registers every metric under its name of the wire contract (§4.6).
    pub fn register(&self, registry: &mut Registry) {
        // The encoder adds `_total` to counters.
        registry.register(
            "chat_jobs_processed",
            "Jobs by result",
            self.processed.clone(),
        );
        registry.register(
            "chat_job_duration_seconds",
            "Seconds from taking an act in to its commit and fan-out",
            self.duration.clone(),
        );
        registry.register(
            "chat_stage_duration_seconds",
            "Time of one stage of a job's way through this process",
            self.stages.clone(),
        );
        registry.register(
            "chat_job_batch_size",
            "Jobs of one transaction",
            self.batch.clone(),
        );
        registry.register(
            "chat_processor_partitions",
            "Partitions assigned to this processor",
            self.partitions.clone(),
        );
        registry.register(
            "chat_jobs_held",
            "Jobs that wait behind a retry",
            self.held.clone(),
        );
    }
}
