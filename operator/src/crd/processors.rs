//! The EventProcessors: how many, and how a job is retried.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{EnvironmentVariable, PodOverrides, ProcessorAutoscaling, Resources};

/// The EventProcessors, which work the queues off.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("!(has(self.replicas) && has(self.autoscaling))").message(
    "spec.processors.replicas: set either replicas (fixed) or autoscaling, not both; remove one"
))]
pub struct ProcessorsSpec {
    /// A fixed number of processors; left out, they are autoscaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub replicas: Option<i32>,
    /// Scaling on backlog; used, with its defaults, where `replicas` is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<ProcessorAutoscaling>,
    /// Retries of a job that fails for a reason of its own, before it goes to the dead letter queue.
    #[serde(default = "default_max_retries")]
    #[schemars(range(min = 0, max = 20))]
    pub max_retries: i32,
    /// How long a processor that is shut down may finish what it holds, in seconds.
    #[serde(default = "default_drain_timeout_seconds")]
    #[schemars(range(min = 1, max = 600))]
    pub drain_timeout_seconds: i32,
    /// CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// More environment variables, for example `RUST_LOG`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub env: Vec<EnvironmentVariable>,
    /// Placement, priority and metadata of the pods.
    #[serde(default)]
    pub pod: PodOverrides,
}

fn default_max_retries() -> i32 {
    3
}

fn default_drain_timeout_seconds() -> i32 {
    20
}

impl Default for ProcessorsSpec {
    fn default() -> Self {
        super::all_defaults()
    }
}
