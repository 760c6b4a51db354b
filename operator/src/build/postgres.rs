//! The managed database: one PostgreSQL instance on a volume.

mod config;
mod stateful_set;

use chat_core::ports;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};

use super::backend_service;
use super::labels::Component;
use super::resources;
use crate::crd::ManagedPostgres;
use crate::validate::Plan;

pub(super) use stateful_set::{exec, retention, volume_claim};

/// The database's objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Postgres {
    /// Settings and the start script.
    pub config: ConfigMap,
    /// Its address.
    pub service: Service,
    /// The pod and its volume.
    pub stateful_set: StatefulSet,
}

pub(super) fn build(plan: &Plan, managed: &ManagedPostgres) -> Postgres {
    let resources = resources::build(managed.resources.as_ref(), resources::POSTGRES);
    let config = config::build(plan, &resources);
    Postgres {
        stateful_set: stateful_set::build(plan, managed, resources, &config),
        config,
        service: backend_service::build(
            plan,
            Component::Postgres,
            plan.child("postgres"),
            &[("postgres", ports::POSTGRES)],
            // It is back sooner than DNS would tell its new address.
            None,
        ),
    }
}
