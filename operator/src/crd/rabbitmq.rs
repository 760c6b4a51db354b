//! The broker: run by the operator, or someone else's.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PodOverrides, Resources, SecretRef, StorageSpec};

/// RabbitMQ 4. Managed with its defaults where neither `managed` nor `external` is set.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("!(has(self.managed) && has(self.external))").message(
    "spec.rabbitmq: set either managed or external, not both; remove one"
))]
#[x_kube(validation = Rule::new(
    "has(self.external) || has(oldSelf.external) || (has(self.managed) ? self.managed.replicas : 1) >= (has(oldSelf.managed) ? oldSelf.managed.replicas : 1)"
).message(
    "spec.rabbitmq.managed.replicas: can't be lowered, because queues would lose their replicas; keep it, or move to a new ChatCluster"
))]
#[x_kube(validation = Rule::new(
    "has(self.external) || has(oldSelf.external) || quantity(has(self.managed) ? self.managed.storage.size : '2Gi').compareTo(quantity(has(oldSelf.managed) ? oldSelf.managed.storage.size : '2Gi')) >= 0"
).message("spec.rabbitmq.managed.storage.size: a volume can't shrink; keep or raise the size"))]
#[x_kube(validation = Rule::new(
    "has(self.external) || has(oldSelf.external) || (has(self.managed) && has(self.managed.storage.storageClassName) ? self.managed.storage.storageClassName : '') == (has(oldSelf.managed) && has(oldSelf.managed.storage.storageClassName) ? oldSelf.managed.storage.storageClassName : '')"
).message("spec.rabbitmq.managed.storage.storageClassName: can't be changed on a volume that exists; restore the old value"))]
pub struct RabbitMqSpec {
    /// A broker that the operator runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedRabbitMq>,
    /// A broker that is there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalRabbitMq>,
    /// Partitions of the high and of the medium queue, and so the most processors that can share the work.
    #[serde(default = "default_partitions")]
    #[schemars(range(min = 1, max = 64))]
    pub partitions: i32,
}

/// A broker that the operator runs.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("self.replicas % 2 == 1").message(
    "spec.rabbitmq.managed.replicas: must be odd (1, 3, 5 or 7), because quorum queues need a majority; add or remove one"
))]
pub struct ManagedRabbitMq {
    /// Nodes: 1, 3, 5 or 7.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 7))]
    pub replicas: i32,
    /// Volume of each node.
    #[serde(default)]
    pub storage: StorageSpec,
    /// CPU and memory of each node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Placement, priority and metadata of the pods.
    #[serde(default)]
    pub pod: PodOverrides,
}

/// A broker that is there already.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalRabbitMq {
    /// Secret with the URL, `amqp://user:password@host:port/vhost`.
    pub secret_ref: SecretRef,
    /// Prometheus endpoints of the broker's nodes, `http://host:15692`, which autoscaling reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(max = 253), regex(pattern = r"^http://[-.:\[\]a-zA-Z0-9]+$"))
    )]
    pub metrics_urls: Vec<String>,
    /// Virtual host of the URL, by which the broker's metrics tell queues of the same name apart.
    #[serde(default = "default_vhost")]
    #[schemars(length(min = 1, max = 253))]
    pub vhost: String,
}

fn default_vhost() -> String {
    "/".to_owned()
}

fn one() -> i32 {
    1
}

fn default_partitions() -> i32 {
    8
}

impl Default for RabbitMqSpec {
    fn default() -> Self {
        super::all_defaults()
    }
}

impl Default for ManagedRabbitMq {
    fn default() -> Self {
        super::all_defaults()
    }
}
