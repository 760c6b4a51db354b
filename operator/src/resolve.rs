//! What the pure steps need to know of the cluster, as plain values.
//!
//! [`validate`](crate::validate) and [`build`](crate::build) never read anything themselves: the controller gathers a
//! [`Resolved`] for them, from the watch caches and from the Secrets that the spec names.

use std::collections::{BTreeMap, BTreeSet};

use crate::credentials::Credentials;

mod secrets;

pub use secrets::{ReferencedSecret, SecretProblem, read_referenced_secrets};

/// Everything that was read for one reconciliation.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The generated credentials, completed.
    pub credentials: Credentials,
    /// Fingerprints of the Secrets' keys that the spec names, by what they are for.
    pub referenced: BTreeMap<ReferencedSecret, String>,
    /// Names of the Services that have a cluster IP.
    pub addressed_services: BTreeSet<Box<str>>,
    /// What the API server offers.
    pub capabilities: Capabilities,
    /// Images of this operator's configuration.
    pub images: DefaultImages,
    /// Address of this operator's Service, where KEDA asks for values.
    pub operator_url: String,
}

/// What the API server offers beyond the core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `PodMonitor`, `ServiceMonitor` and `PrometheusRule`.
    pub prometheus_operator: bool,
    /// `ScaledObject`.
    pub keda: bool,
    /// Who serves `external.metrics.k8s.io`.
    pub external_metrics: ExternalMetricsOwner,
}

/// Who serves `external.metrics.k8s.io`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExternalMetricsOwner {
    /// Nobody.
    #[default]
    Nobody,
    /// This operator.
    Operator,
    /// KEDA.
    Keda,
    /// Somebody else, for example prometheus-adapter.
    Other,
}

/// The images that a `ChatCluster` gets unless its spec names others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultImages {
    /// The gateway.
    pub gateway: String,
    /// The EventProcessor.
    pub processor: String,
    /// PostgreSQL 17.
    pub postgres: String,
    /// RabbitMQ 4.
    pub rabbitmq: String,
    /// Valkey 8 or Redis 7.
    pub redis: String,
}

impl Default for DefaultImages {
    fn default() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self {
            gateway: format!("ghcr.io/chatcluster/gateway:{version}"),
            processor: format!("ghcr.io/chatcluster/processor:{version}"),
            postgres: "docker.io/library/postgres:17".to_owned(),
            rabbitmq: "docker.io/library/rabbitmq:4-management".to_owned(),
            redis: "docker.io/valkey/valkey:8".to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::credentials::BackendHosts;

    /// What a reconciliation of a new ChatCluster `demo` reads, with credentials that are the same in every test.
    pub(crate) fn resolved() -> Resolved {
        let hosts = BackendHosts {
            postgres: "demo-postgres",
            rabbitmq: "demo-rabbitmq",
            redis: "demo-redis",
        };
        Resolved {
            credentials: Credentials::complete(&BTreeMap::new(), hosts, |length| {
                "S".repeat(length)
            }),
            referenced: BTreeMap::new(),
            addressed_services: BTreeSet::new(),
            capabilities: Capabilities::default(),
            images: DefaultImages::default(),
            operator_url: "http://operator.system.svc:8081".to_owned(),
        }
    }
}
