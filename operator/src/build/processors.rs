//! The EventProcessors: Deployment and disruption budget.

use chat_core::ports;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::Value;

use super::gateway::{disruption_budget, one_more_before_one_less};
use super::labels::{self, Component};
use super::pod::{self, Pod};
use super::{attachments, autoscaler, environment, metadata, resources};
use crate::validate::Plan;

/// After the drain window a processor still acknowledges and closes its channels.
const GRACE_AFTER_DRAIN_SECONDS: i64 = 15;

/// The processors' objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Processors {
    /// The pods; applied only when the migration is done.
    pub deployment: Deployment,
    /// At most one is taken away at a time.
    pub disruption_budget: PodDisruptionBudget,
    /// Follows the queues.
    pub autoscaler: Option<HorizontalPodAutoscaler>,
    /// The same by KEDA.
    pub scaled_object: Option<Value>,
}

pub(super) fn build(plan: &Plan) -> Processors {
    Processors {
        deployment: deployment(plan),
        disruption_budget: disruption_budget(plan, Component::Processor),
        autoscaler: autoscaler::horizontal(plan, Component::Processor),
        scaled_object: autoscaler::keda(plan, Component::Processor),
    }
}

fn deployment(plan: &Plan) -> Deployment {
    let spec = &plan.spec.processors;
    let mut annotations = pod::scraped_at(ports::PROCESSOR);
    annotations.insert(
        metadata::CREDENTIALS_HASH.to_owned(),
        environment::fingerprint(plan),
    );
    Deployment {
        metadata: metadata::owned(plan, Component::Processor, plan.child("processor")),
        spec: DeploymentSpec {
            replicas: plan.processor_scaling.fixed(),
            revision_history_limit: Some(3),
            progress_deadline_seconds: Some(300),
            selector: labels::label_selector(plan, Component::Processor),
            strategy: Some(one_more_before_one_less()),
            template: pod::template(
                plan,
                Pod {
                    component: Component::Processor,
                    overrides: &spec.pod,
                    annotations,
                    container: Container {
                        name: "processor".to_owned(),
                        image: Some(plan.images.processor.clone()),
                        command: Some(vec!["chat-processor".to_owned(), "run".to_owned()]),
                        env: Some(environment::processor(plan)),
                        ports: Some(vec![pod::port("metrics", ports::PROCESSOR)]),
                        resources: Some(resources::build(
                            spec.resources.as_ref(),
                            resources::PROCESSOR,
                        )),
                        startup_probe: Some(pod::every(
                            2,
                            60,
                            pod::http_probe("/health/liveness", "metrics"),
                        )),
                        liveness_probe: Some(pod::every(
                            10,
                            6,
                            pod::http_probe("/health/liveness", "metrics"),
                        )),
                        readiness_probe: Some(pod::every(
                            3,
                            3,
                            pod::http_probe("/health/readiness", "metrics"),
                        )),
                        volume_mounts: Some(vec![
                            pod::mount("tmp", "/tmp"),
                            attachments::volume_mount(),
                        ]),
                        ..Container::default()
                    },
                    volumes: vec![pod::scratch("tmp", "64Mi"), attachments::volume(plan)],
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
