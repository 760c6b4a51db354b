//! Who may talk to whom: backends take connections only from the parts of their own ChatCluster.
//!
//! Only incoming connections are restricted. Metrics stay reachable from everywhere, because nobody knows where a
//! Prometheus runs; they hold no content and no names of people.

use chat_core::ports;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Component};
use super::metadata;
use crate::validate::Plan;

/// One policy a component that is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkPolicies {
    /// Clients and metrics.
    pub gateway: Option<NetworkPolicy>,
    /// Metrics only.
    pub processor: Option<NetworkPolicy>,
    /// The chat's own pods.
    pub postgres: Option<NetworkPolicy>,
    /// The chat's own pods, the other nodes, and metrics.
    pub rabbitmq: Option<NetworkPolicy>,
    /// The chat's own pods.
    pub redis: Option<NetworkPolicy>,
}

const CHAT: &[Component] = &[
    Component::Gateway,
    Component::Processor,
    Component::Migration,
];

pub(super) fn build(plan: &Plan) -> NetworkPolicies {
    if !plan.spec.network_policy.enabled {
        return NetworkPolicies::default();
    }
    NetworkPolicies {
        gateway: Some(policy(
            plan,
            Component::Gateway,
            vec![from_anywhere(&[ports::GATEWAY])],
        )),
        processor: Some(policy(
            plan,
            Component::Processor,
            vec![from_anywhere(&[ports::PROCESSOR])],
        )),
        postgres: plan.postgres.managed().map(|_| {
            policy(
                plan,
                Component::Postgres,
                vec![from(plan, CHAT, &[ports::POSTGRES])],
            )
        }),
        rabbitmq: plan.rabbitmq.managed().map(|_| {
            policy(
                plan,
                Component::RabbitMq,
                vec![
                    from(plan, CHAT, &[ports::AMQP]),
                    from(
                        plan,
                        &[Component::RabbitMq],
                        &[ports::EPMD, ports::RABBITMQ_CLUSTER],
                    ),
                    from_anywhere(&[ports::RABBITMQ_METRICS]),
                ],
            )
        }),
        redis: plan.redis.managed().map(|_| {
            policy(
                plan,
                Component::Redis,
                vec![from(plan, CHAT, &[ports::REDIS])],
            )
        }),
    }
}

fn policy(
    plan: &Plan,
    component: Component,
    ingress: Vec<NetworkPolicyIngressRule>,
) -> NetworkPolicy {
    NetworkPolicy {
        metadata: metadata::owned(plan, component, plan.child(component.as_str())),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labels::label_selector(plan, component)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(ingress),
            ..NetworkPolicySpec::default()
        }),
    }
}

fn from(plan: &Plan, components: &[Component], ports: &[u16]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: Some(
            components
                .iter()
                .map(|component| NetworkPolicyPeer {
                    pod_selector: Some(labels::label_selector(plan, *component)),
                    ..NetworkPolicyPeer::default()
                })
                .collect(),
        ),
        ports: Some(ports.iter().copied().map(port).collect()),
    }
}

fn from_anywhere(ports: &[u16]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        ports: Some(ports.iter().copied().map(port).collect()),
        ..NetworkPolicyIngressRule::default()
    }
}

fn port(number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(number))),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    }
}
