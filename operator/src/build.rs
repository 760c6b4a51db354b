//! Builds every object of a ChatCluster from its [`Plan`]. Pure: nothing here reads, waits or fails.
//!
//! One file an object, one folder a component. `None` means "not wanted": the controller removes what it once made.

mod attachments;
mod autoscaler;
mod backend_service;
mod credentials;
mod environment;
mod gateway;
mod labels;
mod metadata;
mod migration;
mod monitors;
mod network_policy;
mod pod;
mod postgres;
mod processors;
mod rabbitmq;
mod redis;
mod resources;
mod service_account;

pub use gateway::Gateway;
pub use labels::{COMPONENT, Component, INSTANCE, MANAGED_BY, MANAGER};
pub use metadata::{CONFIG_HASH, CREDENTIALS_HASH};
pub use migration::name as migration_name;
pub use postgres::Postgres;
pub use processors::Processors;
pub use rabbitmq::RabbitMq;
pub use redis::Redis;
pub use resources::memory_limit_mebibytes;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::Value;

use crate::validate::Plan;

/// Everything that a ChatCluster consists of. Whoever applies it takes it apart without `..`, so that a new object which
/// nobody applies does not compile.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The identity of all pods. It has no rights and no token.
    pub service_account: ServiceAccount,
    /// The generated credentials.
    pub credentials: Secret,
    /// The managed database.
    pub postgres: Option<Postgres>,
    /// The managed broker.
    pub rabbitmq: Option<RabbitMq>,
    /// The managed Redis.
    pub redis: Option<Redis>,
    /// The volume of uploaded files.
    pub files: Option<PersistentVolumeClaim>,
    /// The migration that gates the rollout of gateways and processors.
    pub migration: Job,
    /// The gateways.
    pub gateway: Gateway,
    /// The processors.
    pub processors: Processors,
    /// Who may talk to whom.
    pub network_policy: Option<NetworkPolicy>,
    /// Where the Prometheus operator finds the metrics.
    pub monitor: Option<Value>,
}

/// Builds everything.
#[must_use]
pub fn desired(plan: &Plan) -> Desired {
    Desired {
        service_account: service_account::build(plan),
        credentials: credentials::build(plan),
        postgres: plan
            .postgres
            .managed()
            .map(|managed| postgres::build(plan, managed)),
        rabbitmq: plan
            .rabbitmq
            .managed()
            .map(|managed| rabbitmq::build(plan, managed)),
        redis: plan
            .redis
            .managed()
            .map(|managed| redis::build(plan, managed)),
        files: attachments::build(plan),
        migration: migration::build(plan),
        gateway: gateway::build(plan),
        processors: processors::build(plan),
        network_policy: network_policy::build(plan),
        monitor: monitors::build(plan),
    }
}

/// Name of the credentials' Secret of a ChatCluster.
#[must_use]
pub fn credentials_name(cluster: &str) -> String {
    format!("{cluster}-credentials")
}

/// Hosts of the managed backends of a ChatCluster.
#[must_use]
pub fn backend_hosts(cluster: &str) -> (String, String, String) {
    (
        format!("{cluster}-postgres"),
        format!("{cluster}-rabbitmq"),
        format!("{cluster}-redis"),
    )
}
