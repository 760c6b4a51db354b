//! The Service of a managed backend: a name for its pods, where it can be without an address of its own.
//!
//! A backend has one pod, or nodes of which each serves, and its port is the pod's own, so there is nothing to balance or
//! to translate. A cluster IP costs the API server more than all else that a backend consists of (`docs/adr/0016`).

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Component};
use super::metadata;
use crate::validate::Plan;

/// What becomes of the name of a pod that is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotReady {
    /// It can be looked up all the same: who asks early is refused at once, and who asks late does not wait for a probe.
    Named,
    /// It can't: others serve meanwhile, and a pod on a node that is lost would not even refuse.
    Hidden,
}

pub(super) fn build(
    plan: &Plan,
    component: Component,
    name: String,
    ports: &[(&str, u16)],
    headless: Option<NotReady>,
) -> Service {
    // An address can't be taken from a Service. One that an earlier version gave stays, with what goes with an address:
    // kube-proxy would send connections to a pod that is not ready.
    let headless = headless.filter(|_| !plan.resolved.addressed_services.contains(name.as_str()));
    Service {
        metadata: metadata::owned(plan, component, name),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: headless.map(|_| "None".to_owned()),
            publish_not_ready_addresses: (headless == Some(NotReady::Named)).then_some(true),
            selector: Some(labels::selector(plan, component)),
            ports: Some(
                ports
                    .iter()
                    .map(|(name, port)| ServicePort {
                        name: Some((*name).to_owned()),
                        port: i32::from(*port),
                        target_port: Some(IntOrString::Int(i32::from(*port))),
                        protocol: Some("TCP".to_owned()),
                        ..ServicePort::default()
                    })
                    .collect(),
            ),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ports;

    use super::*;
    use crate::crd::ChatCluster;

    fn plan(spec: &str, addressed: &[&str]) -> Plan {
        let mut cluster = ChatCluster::new("demo", serde_yaml_ng::from_str(spec).unwrap());
        cluster.metadata.namespace = Some("chat".to_owned());
        let mut resolved = crate::resolve::tests::resolved();
        resolved.addressed_services = addressed.iter().copied().map(Box::from).collect();
        crate::validate::plan(&cluster, resolved)
    }

    /// Name, cluster IP and whether pods that are not ready are named, of each backend's Services.
    fn services(spec: &str, addressed: &[&str]) -> Vec<(String, Option<String>, Option<bool>)> {
        let desired = crate::build::desired(&plan(spec, addressed));
        let rabbitmq = desired.rabbitmq.unwrap();
        [
            desired.postgres.unwrap().service,
            rabbitmq.service,
            rabbitmq.nodes,
            desired.redis.unwrap().service,
        ]
        .map(|Service { metadata, spec, .. }| {
            let spec = spec.unwrap();
            (
                metadata.name.unwrap(),
                spec.cluster_ip,
                spec.publish_not_ready_addresses,
            )
        })
        .to_vec()
    }

    fn addressed(name: &str) -> (String, Option<String>, Option<bool>) {
        (name.to_owned(), None, None)
    }

    fn headless(name: &str) -> (String, Option<String>, Option<bool>) {
        (name.to_owned(), Some("None".to_owned()), Some(true))
    }

    #[test]
    fn backends_but_postgres_are_names_of_their_pods() {
        let expected = [
            addressed("demo-postgres"),
            headless("demo-rabbitmq"),
            headless("demo-rabbitmq-nodes"),
            headless("demo-redis"),
        ];
        assert_eq!(services("{}", &[]), expected);
    }

    #[test]
    fn of_several_broker_nodes_clients_find_those_that_are_ready() {
        let found = services("rabbitmq: {managed: {replicas: 3}}", &[]);
        assert_eq!(
            found[1],
            ("demo-rabbitmq".to_owned(), Some("None".to_owned()), None)
        );
        assert_eq!(found[2], headless("demo-rabbitmq-nodes"));
    }

    #[test]
    fn an_address_that_a_service_has_is_left_to_it() {
        let found = services("{}", &["demo-rabbitmq", "demo-gateway"]);
        assert_eq!(found[1], addressed("demo-rabbitmq"));
        assert_eq!(found[3], headless("demo-redis"));
    }

    #[test]
    fn what_an_earlier_version_applied_is_what_is_wanted_of_a_service_with_an_address() {
        let service = build(
            &plan("{}", &["demo-redis"]),
            Component::Redis,
            "demo-redis".to_owned(),
            &[("redis", ports::REDIS)],
            Some(NotReady::Named),
        );
        assert_eq!(
            serde_json::to_value(service.spec).unwrap(),
            serde_json::json!({
                "type": "ClusterIP",
                "selector": {
                    "app.kubernetes.io/name": "chatcluster",
                    "app.kubernetes.io/instance": "demo",
                    "app.kubernetes.io/component": "redis",
                },
                "ports": [{"name": "redis", "port": 6379, "targetPort": 6379, "protocol": "TCP"}],
            })
        );
    }
}
