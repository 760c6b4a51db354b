//! The managed database: one PostgreSQL instance on a volume.

mod config;
mod stateful_set;

use chat_core::ports;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Component};
use super::{metadata, resources};
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
        service: service(
            plan,
            Component::Postgres,
            &[("postgres", ports::POSTGRES)],
            false,
        ),
    }
}

/// The address of a backend; headless where its pods are to be told apart.
pub(super) fn service(
    plan: &Plan,
    component: Component,
    ports: &[(&str, u16)],
    headless: bool,
) -> Service {
    let name = match headless {
        true => plan.child(&format!("{}-nodes", component.as_str())),
        false => plan.child(component.as_str()),
    };
    Service {
        metadata: metadata::owned(plan, component, name),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: headless.then(|| "None".to_owned()),
            // Nodes must find each other before they are ready.
            publish_not_ready_addresses: headless.then_some(true),
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
