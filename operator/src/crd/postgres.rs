//! The database: run by the operator, CloudNativePG's, or someone else's.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PodOverrides, Resources, SecretRef, StorageSpec};

/// PostgreSQL 17. Managed with its defaults where nothing else is set.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new(
    "(has(self.managed) ? 1 : 0) + (has(self.external) ? 1 : 0) + (has(self.cloudNativePG) ? 1 : 0) <= 1"
).message(
    "spec.postgres: set only one of managed, external and cloudNativePG; remove the others"
))]
#[x_kube(validation = Rule::new(
    "has(self.external) || has(self.cloudNativePG) || has(oldSelf.external) || has(oldSelf.cloudNativePG) || quantity(has(self.managed) ? self.managed.storage.size : '2Gi').compareTo(quantity(has(oldSelf.managed) ? oldSelf.managed.storage.size : '2Gi')) >= 0"
).message("spec.postgres.managed.storage.size: a volume can't shrink; keep or raise the size"))]
#[x_kube(validation = Rule::new(
    "has(self.external) || has(self.cloudNativePG) || has(oldSelf.external) || has(oldSelf.cloudNativePG) || (has(self.managed) && has(self.managed.storage.storageClassName) ? self.managed.storage.storageClassName : '') == (has(oldSelf.managed) && has(oldSelf.managed.storage.storageClassName) ? oldSelf.managed.storage.storageClassName : '')"
).message("spec.postgres.managed.storage.storageClassName: can't be changed on a volume that exists; restore the old value"))]
pub struct PostgresSpec {
    /// A single instance that the operator runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedPostgres>,
    /// A database that is there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalPostgres>,
    /// A CloudNativePG cluster in the same namespace, for a database that survives its node.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "cloudNativePG"
    )]
    pub cloud_native_pg: Option<CloudNativePg>,
}

/// A single instance that the operator runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedPostgres {
    /// Its volume.
    #[serde(default)]
    pub storage: StorageSpec,
    /// CPU and memory; the buffers are sized from the memory limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Placement, priority and metadata of the pod.
    #[serde(default)]
    pub pod: PodOverrides,
}

/// A database that is there already.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalPostgres {
    /// Secret with the URL, `postgres://user:password@host:port/database`.
    pub secret_ref: SecretRef,
}

/// A CloudNativePG cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudNativePg {
    /// Name of its `Cluster`; the URL is read from the Secret `<name>-app` that CloudNativePG makes.
    #[schemars(length(min = 1, max = 50))]
    pub cluster_name: String,
}
