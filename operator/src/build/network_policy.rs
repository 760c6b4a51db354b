//! Who may talk to whom: backends take connections only from the parts of their own ChatCluster.
//!
//! One policy says it for all parts. Its ports are names, and a pod has a port of that name or it has not: so each pod opens
//! the ports that are its own, as if it had a policy of its own, for a fifth of the objects.
//!
//! Only incoming connections are restricted. Metrics stay reachable from everywhere, because nobody knows where a
//! Prometheus runs; they hold no content and no names of people.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Component};
use super::metadata;
use crate::validate::Plan;

/// Whose ports are closed but for what a rule opens. A backend that someone else runs has no pods here; one that is handed
/// over to someone else is protected to its end.
const PROTECTED: &[Component] = &[
    Component::Gateway,
    Component::Processor,
    Component::Postgres,
    Component::RabbitMq,
    Component::Redis,
];

const CHAT: &[Component] = &[
    Component::Gateway,
    Component::Processor,
    Component::Migration,
];

pub(super) fn build(plan: &Plan) -> Option<NetworkPolicy> {
    if !plan.spec.network_policy.enabled {
        return None;
    }
    Some(NetworkPolicy {
        metadata: metadata::owned(plan, Component::Shared, plan.name.clone()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labels::selector_of_any(plan, PROTECTED)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![
                from_anywhere(&["http", "metrics"]),
                from(plan, CHAT, &["postgres", "amqp", "redis"]),
                from(plan, &[Component::RabbitMq], &["epmd", "cluster"]),
            ]),
            ..NetworkPolicySpec::default()
        }),
    })
}

fn from(plan: &Plan, components: &[Component], ports: &[&str]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: Some(vec![NetworkPolicyPeer {
            pod_selector: Some(labels::selector_of_any(plan, components)),
            ..NetworkPolicyPeer::default()
        }]),
        ..from_anywhere(ports)
    }
}

fn from_anywhere(ports: &[&str]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        ports: Some(ports.iter().copied().map(port).collect()),
        ..NetworkPolicyIngressRule::default()
    }
}

fn port(name: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::String(name.to_owned())),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use k8s_openapi::api::core::v1::PodTemplateSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

    use super::*;
    use crate::build::{Desired, desired};
    use crate::crd::ChatCluster;

    const ANYWHERE: &[&str] = &["anywhere"];
    const THE_CHAT: &[&str] = &["gateway", "migration", "processor"];

    fn of(spec: &str) -> Desired {
        let mut cluster = ChatCluster::new("demo", serde_yaml_ng::from_str(spec).unwrap());
        cluster.metadata.namespace = Some("chat".to_owned());
        desired(&crate::validate::plan(
            &cluster,
            crate::resolve::tests::resolved(),
        ))
    }

    fn templates(desired: &Desired) -> Vec<PodTemplateSpec> {
        let stateful_sets = [
            desired.postgres.as_ref().map(|one| &one.stateful_set),
            desired.rabbitmq.as_ref().map(|one| &one.stateful_set),
            desired.redis.as_ref().map(|one| &one.stateful_set),
        ];
        let deployments = [&desired.gateway.deployment, &desired.processors.deployment];
        let of_sets = stateful_sets
            .into_iter()
            .flatten()
            .map(|set| set.spec.template.clone());
        of_sets
            .chain(deployments.map(|deployment| deployment.spec.template.clone()))
            .chain([desired.migration.spec.clone().unwrap().template])
            .collect()
    }

    fn component_of(template: &PodTemplateSpec) -> String {
        template.metadata.clone().unwrap().labels.unwrap()[labels::COMPONENT].clone()
    }

    /// As the API server reads a selector.
    fn selects(selector: &LabelSelector, template: &PodTemplateSpec) -> bool {
        let labels = template.metadata.clone().unwrap().labels.unwrap();
        let equal = selector
            .match_labels
            .iter()
            .flatten()
            .all(|(key, value)| labels.get(key) == Some(value));
        let among = selector.match_expressions.iter().flatten().all(|wanted| {
            assert_eq!(wanted.operator, "In");
            let values = wanted.values.as_deref().unwrap();
            labels
                .get(&wanted.key)
                .is_some_and(|label| values.contains(label))
        });
        equal && among
    }

    /// For each pod that is restricted the ports that are open, and to whom.
    fn open(desired: &Desired) -> BTreeSet<(String, i32, Vec<String>)> {
        let spec = desired.network_policy.clone().unwrap().spec.unwrap();
        let templates = templates(desired);
        let mut open = BTreeSet::new();
        for template in &templates {
            if !selects(spec.pod_selector.as_ref().unwrap(), template) {
                continue;
            }
            for rule in spec.ingress.iter().flatten() {
                let mut peers: Vec<_> = match &rule.from {
                    None => vec!["anywhere".to_owned()],
                    Some(peers) => templates
                        .iter()
                        .filter(|other| {
                            peers
                                .iter()
                                .any(|peer| selects(peer.pod_selector.as_ref().unwrap(), other))
                        })
                        .map(component_of)
                        .collect(),
                };
                peers.sort();
                let containers = &template.spec.as_ref().unwrap().containers;
                for own in containers.iter().flat_map(|one| one.ports.iter().flatten()) {
                    let named = own.name.clone().map(IntOrString::String);
                    if rule.ports.iter().flatten().any(|port| port.port == named) {
                        open.insert((component_of(template), own.container_port, peers.clone()));
                    }
                }
            }
        }
        open
    }

    fn table(rows: &[(&str, i32, &[&str])]) -> BTreeSet<(String, i32, Vec<String>)> {
        rows.iter()
            .map(|(component, port, peers)| {
                let peers = peers.iter().map(|peer| (*peer).to_owned()).collect();
                ((*component).to_owned(), *port, peers)
            })
            .collect()
    }

    #[test]
    fn each_pod_opens_its_own_ports_to_those_who_need_them() {
        let expected = table(&[
            ("gateway", 8080, ANYWHERE),
            ("processor", 9090, ANYWHERE),
            ("postgres", 5432, THE_CHAT),
            ("rabbitmq", 5672, THE_CHAT),
            ("rabbitmq", 4369, &["rabbitmq"]),
            ("rabbitmq", 25672, &["rabbitmq"]),
            ("rabbitmq", 15692, ANYWHERE),
            ("redis", 6379, THE_CHAT),
        ]);
        assert_eq!(open(&of("{}")), expected);
    }

    #[test]
    fn without_managed_backends_the_chats_own_pods_are_protected_all_the_same() {
        let desired = of(
            "{postgres: {external: {secretRef: {name: s}}}, rabbitmq: {external: {secretRef: {name: s}}}, redis: {external: {secretRef: {name: s}}}}",
        );
        let expected = table(&[("gateway", 8080, ANYWHERE), ("processor", 9090, ANYWHERE)]);
        assert_eq!(open(&desired), expected);
    }

    #[test]
    fn there_is_none_where_none_is_wanted() {
        assert_eq!(of("networkPolicy: {enabled: false}").network_policy, None);
    }
}
