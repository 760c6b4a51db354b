//! What the operator says about a ChatCluster, in the shape that kstatus and `kubectl wait` understand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The observed state.
// The operator alone writes it, and always the whole: owned field by field it would be twice as large.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct ChatClusterStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions, one a type.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Where clients connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<ComponentStatus>,
    /// The processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processors: Option<ComponentStatus>,
    /// The broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<ComponentStatus>,
    /// The database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<ComponentStatus>,
    /// Redis or Valkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<ComponentStatus>,
    /// The schema's migration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationStatus>,
    /// The queues, as autoscaling sees them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queues: Option<QueuesStatus>,
}

/// One component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Pods wanted.
    pub replicas: i32,
    /// Pods ready.
    pub ready_replicas: i32,
    /// Pods of the present revision.
    #[serde(default)]
    pub updated_replicas: i32,
    /// Both for a table: `2/3`, or `external`.
    pub summary: String,
    /// Image, where the operator runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// The migration that gates the rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrationStatus {
    /// Name of its Job.
    pub job: String,
    /// Image whose schema is, or is being, installed.
    pub image: String,
}

/// The queues, as autoscaling sees them: jobs waiting and in work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuesStatus {
    /// `chat.events.high`, all partitions.
    pub high: i64,
    /// `chat.events.medium`, all partitions.
    pub medium: i64,
    /// `chat.events.low`.
    pub low: i64,
    /// `chat.events.dlq`.
    pub dlq: i64,
    /// Time to work off high and medium at the measured rate, for example `4s`.
    pub drain: String,
    /// Whether gateways are dropping typing and presence.
    pub shedding: bool,
}

/// A condition, as in `metav1.Condition`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Type, a [`ConditionType`]; as text, so that a status written by another version can always be read.
    #[serde(rename = "type")]
    pub type_: String,
    /// Status.
    pub status: ConditionStatus,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// When the status last changed, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Generation that the condition speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Types of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionType {
    /// Everything runs and serves.
    Ready,
    /// The operator is bringing about the present spec.
    Reconciling,
    /// Someone has to act before it can go on.
    Stalled,
    /// The spec keeps all rules.
    SpecValid,
    /// The database serves.
    PostgresReady,
    /// The broker serves.
    RabbitMqReady,
    /// Redis serves.
    RedisReady,
    /// The schema is that of the present image.
    MigrationsComplete,
    /// The gateways serve.
    GatewayReady,
    /// The processors serve.
    ProcessorsReady,
    /// Replicas follow their metrics.
    AutoscalingActive,
}

impl ConditionType {
    /// The name in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::SpecValid => "SpecValid",
            Self::PostgresReady => "PostgresReady",
            Self::RabbitMqReady => "RabbitMQReady",
            Self::RedisReady => "RedisReady",
            Self::MigrationsComplete => "MigrationsComplete",
            Self::GatewayReady => "GatewayReady",
            Self::ProcessorsReady => "ProcessorsReady",
            Self::AutoscalingActive => "AutoscalingActive",
        }
    }
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}
