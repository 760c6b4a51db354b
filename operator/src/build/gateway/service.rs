//! The Service in front of the gateways.

use k8s_openapi::api::core::v1::{
    ClientIPConfig, Service, ServicePort, ServiceSpec, SessionAffinityConfig,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::labels::{self, Component};
use super::super::metadata;
use crate::validate::Plan;

/// How long a client keeps its gateway. A polling session lasts as long as the client polls, every 25 s.
const AFFINITY_SECONDS: i32 = 3600;

pub(super) fn build(plan: &Plan) -> Service {
    let spec = &plan.spec.gateway.service;
    let mut metadata = metadata::owned(plan, Component::Gateway, plan.child("gateway"));
    if !spec.annotations.is_empty() {
        metadata.annotations = Some(spec.annotations.clone());
    }
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(spec.type_.as_str().to_owned()),
            selector: Some(labels::selector(plan, Component::Gateway)),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: spec.port,
                target_port: Some(IntOrString::String("http".to_owned())),
                protocol: Some("TCP".to_owned()),
                node_port: spec.node_port,
                ..ServicePort::default()
            }]),
            // Engine.IO's polling transport must meet the same gateway at every poll.
            session_affinity: Some("ClientIP".to_owned()),
            session_affinity_config: Some(SessionAffinityConfig {
                client_ip: Some(ClientIPConfig {
                    timeout_seconds: Some(AFFINITY_SECONDS),
                }),
            }),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
