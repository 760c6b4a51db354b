//! The managed broker: RabbitMQ nodes that find each other by name.

mod config;
mod stateful_set;

use chat_core::ports;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::backend_service::{self, NotReady};
use super::gateway::disruption_budget;
use super::labels::Component;
use super::resources;
use crate::crd::ManagedRabbitMq;
use crate::validate::Plan;

/// The broker's objects.
#[derive(Debug, Clone, PartialEq)]
pub struct RabbitMq {
    /// Settings, plugins and scripts.
    pub config: ConfigMap,
    /// Its name.
    pub service: Service,
    /// The nodes' own names.
    pub nodes: Service,
    /// The nodes and their volumes.
    pub stateful_set: StatefulSet,
    /// At most one node of several is taken away at a time.
    pub disruption_budget: Option<PodDisruptionBudget>,
}

pub(super) fn build(plan: &Plan, managed: &ManagedRabbitMq) -> RabbitMq {
    let resources = resources::build(managed.resources.as_ref(), resources::RABBITMQ);
    let config = config::build(plan, managed, &resources);
    RabbitMq {
        stateful_set: stateful_set::build(plan, managed, resources, &config),
        config,
        service: backend_service::build(
            plan,
            Component::RabbitMq,
            plan.child("rabbitmq"),
            &[("amqp", ports::AMQP), ("metrics", ports::RABBITMQ_METRICS)],
            Some(match managed.replicas {
                1 => NotReady::Named,
                _ => NotReady::Hidden,
            }),
        ),
        nodes: backend_service::build(
            plan,
            Component::RabbitMq,
            plan.child("rabbitmq-nodes"),
            &[
                ("amqp", ports::AMQP),
                ("epmd", ports::EPMD),
                ("cluster", ports::RABBITMQ_CLUSTER),
                ("metrics", ports::RABBITMQ_METRICS),
            ],
            // Nodes must find each other before they are ready.
            Some(NotReady::Named),
        ),
        disruption_budget: (managed.replicas > 1)
            .then(|| disruption_budget(plan, Component::RabbitMq)),
    }
}

/// Name of a node, as Erlang and DNS know it.
fn node_host(plan: &Plan, ordinal: i32) -> String {
    format!(
        "{0}-{ordinal}.{0}-nodes.{1}",
        plan.child("rabbitmq"),
        plan.namespace
    )
}
