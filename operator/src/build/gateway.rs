//! The gateways: Deployment, Service, disruption budget and, where wanted, an Ingress.

mod deployment;
mod ingress;
mod service;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::labels::{self, Component};
use super::{autoscaler, metadata};
use crate::validate::Plan;

pub(super) use deployment::one_more_before_one_less;

/// The gateways' objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// The pods; applied only when the migration is done.
    pub deployment: Deployment,
    /// Where clients come in.
    pub service: Service,
    /// At most one is taken away at a time.
    pub disruption_budget: PodDisruptionBudget,
    /// From outside the cluster.
    pub ingress: Option<Ingress>,
    /// Follows the connections.
    pub autoscaler: Option<HorizontalPodAutoscaler>,
    /// The same by KEDA.
    pub scaled_object: Option<Value>,
}

pub(super) fn build(plan: &Plan) -> Gateway {
    Gateway {
        deployment: deployment::build(plan),
        service: service::build(plan),
        disruption_budget: disruption_budget(plan, Component::Gateway),
        ingress: plan
            .spec
            .gateway
            .ingress
            .as_ref()
            .map(|spec| ingress::build(plan, spec)),
        autoscaler: autoscaler::horizontal(plan, Component::Gateway),
        scaled_object: autoscaler::keda(plan, Component::Gateway),
    }
}

/// At most one pod is taken away at a time. Unlike `minAvailable` this never blocks the drain of a node for good.
pub(super) fn disruption_budget(plan: &Plan, component: Component) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: metadata::owned(plan, component, plan.child(component.as_str())),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(labels::label_selector(plan, component)),
            // Pods that are not ready anyway must not hold up the drain.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
