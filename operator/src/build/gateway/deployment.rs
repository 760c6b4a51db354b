//! The gateways' pods.

use chat_core::ports;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::labels::{self, Component};
use super::super::pod::{self, Pod};
use super::super::{attachments, environment, metadata, resources};
use crate::validate::Plan;

/// After the drain window a gateway still finishes what it holds and closes its connections.
const GRACE_AFTER_DRAIN_SECONDS: i64 = 15;

pub(super) fn build(plan: &Plan) -> Deployment {
    let spec = &plan.spec.gateway;
    let mut annotations = pod::scraped_at(ports::GATEWAY);
    annotations.insert(
        metadata::CREDENTIALS_HASH.to_owned(),
        environment::fingerprint(plan),
    );
    Deployment {
        metadata: metadata::owned(plan, Component::Gateway, plan.child("gateway")),
        spec: DeploymentSpec {
            replicas: plan.gateway_scaling.fixed(),
            revision_history_limit: Some(3),
            progress_deadline_seconds: Some(300),
            selector: labels::label_selector(plan, Component::Gateway),
            strategy: Some(one_more_before_one_less()),
            template: pod::template(
                plan,
                Pod {
                    component: Component::Gateway,
                    overrides: &spec.pod,
                    annotations,
                    container: Container {
                        name: "gateway".to_owned(),
                        image: Some(plan.images.gateway.clone()),
                        command: Some(vec!["chat-server".to_owned()]),
                        env: Some(environment::gateway(plan)),
                        ports: Some(vec![pod::port("http", ports::GATEWAY)]),
                        resources: Some(resources::build(
                            spec.resources.as_ref(),
                            resources::GATEWAY,
                        )),
                        startup_probe: Some(pod::every(
                            2,
                            60,
                            pod::http_probe("/health/liveness", "http"),
                        )),
                        liveness_probe: Some(pod::every(
                            10,
                            6,
                            pod::http_probe("/health/liveness", "http"),
                        )),
                        readiness_probe: Some(pod::every(
                            3,
                            3,
                            pod::http_probe("/health/readiness", "http"),
                        )),
                        volume_mounts: Some(vec![
                            pod::mount("tmp", "/tmp"),
                            attachments::volume_mount(),
                        ]),
                        ..Container::default()
                    },
                    volumes: vec![pod::scratch("tmp", "256Mi"), attachments::volume(plan)],
                    termination_grace_period_seconds: i64::from(spec.drain_timeout_seconds)
                        + GRACE_AFTER_DRAIN_SECONDS,
                    user: Some(attachments::USER),
                    restart_policy: None,
                },
            ),
            ..DeploymentSpec::default()
        },
        ..Deployment::default()
    }
}

/// A rollout never has fewer ready pods than wanted.
pub(in super::super) fn one_more_before_one_less() -> DeploymentStrategy {
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(1)),
            max_unavailable: Some(IntOrString::Int(0)),
        }),
    }
}
