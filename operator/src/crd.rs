//! The `ChatCluster` resource: what a team writes, with its defaults and its rules.
//!
//! Every field has a default that works, so `spec: {}` is a whole chat. Rules stand beside the fields as CEL: the API
//! server refuses what breaks them, the unit tests run the same text, and [`crate::validate`] guards with it once more.
//! Each message names the field and the remedy.

#![expect(
    unreachable_pub,
    reason = "the KubeSchema derive copies each public struct into the body of a function"
)]

mod attachments;
mod auth;
mod autoscaling;
mod environment;
mod gateway;
mod images;
mod monitoring;
mod network;
mod pod;
mod postgres;
mod processors;
mod quantity;
mod rabbitmq;
mod redis;
mod resources;
mod secret_ref;
mod status;
mod storage;

pub use attachments::{AccessMode, AttachmentVolume, AttachmentsSpec, FilesSpec, S3Bucket};
pub use auth::AuthSpec;
pub use autoscaling::{
    GatewayAutoscaling, MetricsFallback, MetricsProvider, ProcessorAutoscaling, ScaleBehavior,
    ScaleRules,
};
pub use environment::EnvironmentVariable;
pub use gateway::{
    BrokerOutage, Environment, GatewaySpec, IngressSpec, ServiceSpec, ServiceType, SheddingSpec,
};
pub use images::{ImagesSpec, PullPolicy, PullSecret};
pub use monitoring::{MonitorMode, MonitoringSpec, TracingSpec};
pub use network::NetworkPolicySpec;
pub use pod::{PodOverrides, Toleration};
pub use postgres::{CloudNativePg, ExternalPostgres, ManagedPostgres, PostgresSpec};
pub use processors::ProcessorsSpec;
pub use quantity::Quantity;
pub use rabbitmq::{ExternalRabbitMq, ManagedRabbitMq, RabbitMqSpec};
pub use redis::{ExternalRedis, ManagedRedis, RedisSpec};
pub use resources::{ResourceAmounts, Resources};
pub use secret_ref::SecretRef;
pub use status::{
    ChatClusterStatus, ComponentStatus, Condition, ConditionStatus, ConditionType, MigrationStatus,
    QueuesStatus,
};
pub use storage::StorageSpec;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, CustomResourceExt, KubeSchema};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The API group of our resources.
pub const GROUP: &str = "chatcluster.dev";
/// Longest name of a `ChatCluster`: the longest child's name and its hash still fit into a label's 63 characters.
pub const MAX_NAME_LENGTH: usize = 40;

/// A whole chat: Socket.IO gateway, EventProcessors, RabbitMQ, Postgres and Redis.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "chatcluster.dev",
    version = "v1alpha1",
    kind = "ChatCluster",
    plural = "chatclusters",
    shortname = "chat",
    namespaced,
    annotation("helm.sh/resource-policy", "keep"),
    status = "ChatClusterStatus",
    derive = "PartialEq",
    doc = "A whole chat: Socket.IO gateway, EventProcessors, RabbitMQ, Postgres and Redis.",
    cel,
    validation = Rule::new("size(self.metadata.name) <= 40").message(
        "metadata.name: at most 40 characters, because the names of its parts are made from it; choose a shorter name"
    ),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        "metadata.name: must start with a letter and hold only a-z, 0-9 and '-', because Services are named after it; rename it"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Gateway", type_ = "string", json_path = ".status.gateway.summary", description = "Ready and desired gateways"),
    printcolumn(name = "Processors", type_ = "string", json_path = ".status.processors.summary", description = "Ready and desired processors"),
    printcolumn(name = "High", type_ = "integer", json_path = ".status.queues.high", description = "Jobs waiting or in work in the high queue"),
    printcolumn(name = "Drain", type_ = "string", json_path = ".status.queues.drain", description = "Time to work off the high queue at the measured rate"),
    printcolumn(name = "Shedding", type_ = "boolean", json_path = ".status.queues.shedding", description = "Whether typing and presence are being dropped"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#, priority = 1),
    printcolumn(name = "Medium", type_ = "integer", json_path = ".status.queues.medium", priority = 1),
    printcolumn(name = "Low", type_ = "integer", json_path = ".status.queues.low", priority = 1),
    printcolumn(name = "DLQ", type_ = "integer", json_path = ".status.queues.dlq", priority = 1),
    printcolumn(name = "RabbitMQ", type_ = "string", json_path = ".status.rabbitmq.summary", priority = 1),
    printcolumn(name = "Postgres", type_ = "string", json_path = ".status.postgres.summary", priority = 1),
    printcolumn(name = "Redis", type_ = "string", json_path = ".status.redis.summary", priority = 1),
    printcolumn(name = "Image", type_ = "string", json_path = ".status.gateway.image", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!has(self.processors.autoscaling) || self.processors.autoscaling.maxReplicas <= self.rabbitmq.partitions"
).message(
    "spec.processors.autoscaling.maxReplicas: must not exceed spec.rabbitmq.partitions, because a partition has one active consumer; lower it or raise the partitions"
))]
#[x_kube(validation = Rule::new(
    "!has(self.processors.replicas) || self.processors.replicas <= self.rabbitmq.partitions"
).message(
    "spec.processors.replicas: must not exceed spec.rabbitmq.partitions, because a partition has one active consumer; lower it or raise the partitions"
))]
pub struct ChatClusterSpec {
    /// The Socket.IO and REST gateway.
    #[serde(default)]
    pub gateway: GatewaySpec,
    /// The EventProcessors, which work the queues off.
    #[serde(default)]
    pub processors: ProcessorsSpec,
    /// The broker.
    #[serde(default)]
    pub rabbitmq: RabbitMqSpec,
    /// The database.
    #[serde(default)]
    pub postgres: PostgresSpec,
    /// Redis or Valkey: presence, caches, fan-out.
    #[serde(default)]
    pub redis: RedisSpec,
    /// Uploaded files and exports.
    #[serde(default)]
    pub storage: FilesSpec,
    /// Tokens.
    #[serde(default)]
    pub auth: AuthSpec,
    /// Container images; what is not set comes from the operator's own configuration.
    #[serde(default)]
    pub images: ImagesSpec,
    /// Monitors for the Prometheus operator.
    #[serde(default)]
    pub monitoring: MonitoringSpec,
    /// Network policies between the parts.
    #[serde(default)]
    pub network_policy: NetworkPolicySpec,
    /// What becomes of the data when the ChatCluster is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Stops the operator from changing anything until it is false again; what runs goes on.
    #[serde(default)]
    pub paused: bool,
}

impl Default for ChatClusterSpec {
    fn default() -> Self {
        all_defaults()
    }
}

/// What becomes of volumes and generated credentials when the ChatCluster is deleted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema,
)]
pub enum DeletionPolicy {
    /// Volumes and credentials stay; a ChatCluster of the same name takes them up again.
    #[default]
    Retain,
    /// Volumes and credentials are deleted too.
    Delete,
}

/// The CRD as it is installed.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    ChatCluster::crd()
}

/// The value of a struct in which every field is left out: the one place where defaults come from is `serde`'s
/// attributes, which the schema shows too.
pub(crate) fn all_defaults<T: DeserializeOwned>() -> T {
    serde_json::from_str("{}").expect("every field of the spec has a default, which a test asserts")
}
