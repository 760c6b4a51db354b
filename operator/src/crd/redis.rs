//! Redis or Valkey: run by the operator, or someone else's.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PodOverrides, Resources, SecretRef};

/// Redis or Valkey. Managed with its defaults where neither `managed` nor `external` is set.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("!(has(self.managed) && has(self.external))").message(
    "spec.redis: set either managed or external, not both; remove one"
))]
pub struct RedisSpec {
    /// A single instance that the operator runs. It holds only what can be rebuilt, so it has no volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedRedis>,
    /// A server that is there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalRedis>,
}

/// A single instance that the operator runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedRedis {
    /// CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Placement, priority and metadata of the pod.
    #[serde(default)]
    pub pod: PodOverrides,
}

/// A server that is there already.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalRedis {
    /// Secret with the URL, `redis://[:password@]host:port[/db]`.
    pub secret_ref: SecretRef,
}
