//! How processors follow the queues and gateways their connections.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Scaling of the processors on the backlog of the queues.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("self.minReplicas <= self.maxReplicas").message(
    "spec.processors.autoscaling.minReplicas: must not exceed maxReplicas; lower it or raise maxReplicas"
))]
#[x_kube(validation = Rule::new(
    "!has(self.fallback.replicas) || (self.fallback.replicas >= self.minReplicas && self.fallback.replicas <= self.maxReplicas)"
).message(
    "spec.processors.autoscaling.fallback.replicas: must lie between minReplicas and maxReplicas; change it or the bounds"
))]
pub struct ProcessorAutoscaling {
    /// Fewest processors.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub min_replicas: i32,
    /// Most processors; at most `spec.rabbitmq.partitions`, because a partition has one active consumer.
    #[serde(default = "default_max_processors")]
    #[schemars(range(min = 1, max = 64))]
    pub max_replicas: i32,
    /// Jobs, waiting or in work, that one processor should have before it.
    #[serde(default = "default_target_backlog")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub target_backlog_per_replica: i32,
    /// Seconds in which the backlog should be worked off at the measured rate.
    #[serde(default = "default_target_drain_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub target_drain_seconds: i32,
    /// Where the metric comes from.
    #[serde(default)]
    pub provider: MetricsProvider,
    /// How long the last good value is used when the metric can't be read, in seconds.
    #[serde(default = "default_stale_after_seconds")]
    #[schemars(range(min = 10, max = 3600))]
    pub stale_after_seconds: i32,
    /// What happens after that.
    #[serde(default)]
    pub fallback: MetricsFallback,
    /// How fast replicas may change.
    #[serde(default)]
    pub behavior: ScaleBehavior,
}

/// Scaling of the gateways on their connections.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("self.minReplicas <= self.maxReplicas").message(
    "spec.gateway.autoscaling.minReplicas: must not exceed maxReplicas; lower it or raise maxReplicas"
))]
pub struct GatewayAutoscaling {
    /// Fewest gateways.
    #[serde(default = "default_min_gateways")]
    #[schemars(range(min = 1, max = 100))]
    pub min_replicas: i32,
    /// Most gateways.
    #[serde(default = "default_max_gateways")]
    #[schemars(range(min = 1, max = 100))]
    pub max_replicas: i32,
    /// Connections that one gateway should carry.
    #[serde(default = "default_target_connections")]
    #[schemars(range(min = 10, max = 1_000_000))]
    pub target_connections_per_replica: i32,
    /// Where the metric comes from.
    #[serde(default)]
    pub provider: MetricsProvider,
    /// How fast replicas may change.
    #[serde(default = "gateway_behavior")]
    pub behavior: ScaleBehavior,
}

/// Who serves the metric to the HorizontalPodAutoscaler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum MetricsProvider {
    /// Built in, unless another provider already owns the external metrics API: then KEDA where that owner is KEDA, or that
    /// owner with the metric names of this project.
    #[default]
    Auto,
    /// The operator serves the external metrics API itself.
    BuiltIn,
    /// A KEDA `ScaledObject`.
    #[serde(rename = "KEDA")]
    Keda,
    /// Prometheus behind an adapter that serves the external metrics API.
    Prometheus,
    /// No autoscaling: `minReplicas` run.
    None,
}

/// What happens when the metric can't be read for `staleAfterSeconds`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsFallback {
    /// A set number of replicas; left out, the present number is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub replicas: Option<i32>,
}

/// How fast replicas may change, in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleBehavior {
    /// Up.
    #[serde(default = "scale_up")]
    pub scale_up: ScaleRules,
    /// Down.
    #[serde(default = "scale_down")]
    pub scale_down: ScaleRules,
}

/// How fast replicas may change in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleRules {
    /// How long the recommendation must hold before it is followed, in seconds.
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: i32,
    /// Most replicas added or removed in one period.
    #[schemars(range(min = 1, max = 64))]
    pub replicas_per_period: i32,
    /// The period, in seconds.
    #[schemars(range(min = 1, max = 1800))]
    pub period_seconds: i32,
}

fn one() -> i32 {
    1
}

fn default_max_processors() -> i32 {
    4
}

fn default_target_backlog() -> i32 {
    500
}

fn default_target_drain_seconds() -> i32 {
    10
}

fn default_stale_after_seconds() -> i32 {
    60
}

fn default_min_gateways() -> i32 {
    2
}

fn default_max_gateways() -> i32 {
    10
}

fn default_target_connections() -> i32 {
    5000
}

fn scale_up() -> ScaleRules {
    // The whole step at once: a backlog is measured, not guessed.
    ScaleRules {
        stabilization_window_seconds: 0,
        replicas_per_period: 8,
        period_seconds: 15,
    }
}

fn scale_down() -> ScaleRules {
    ScaleRules {
        stabilization_window_seconds: 60,
        replicas_per_period: 8,
        period_seconds: 15,
    }
}

fn gateway_behavior() -> ScaleBehavior {
    // A gateway that goes makes its clients reconnect, so the count sinks late and one by one.
    ScaleBehavior {
        scale_up: scale_up(),
        scale_down: ScaleRules {
            stabilization_window_seconds: 300,
            replicas_per_period: 1,
            period_seconds: 60,
        },
    }
}

impl Default for ScaleBehavior {
    fn default() -> Self {
        super::all_defaults()
    }
}

impl Default for ProcessorAutoscaling {
    fn default() -> Self {
        super::all_defaults()
    }
}

impl Default for GatewayAutoscaling {
    fn default() -> Self {
        super::all_defaults()
    }
}
