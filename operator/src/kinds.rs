//! The kinds of objects that a ChatCluster consists of.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::{ApiResource, GroupVersionKind};

/// A kind of object that the operator makes, or that comes into being because of one that it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Identity of the pods.
    ServiceAccount,
    /// Generated credentials.
    Secret,
    /// Settings of backends.
    ConfigMap,
    /// Addresses.
    Service,
    /// Backends.
    StatefulSet,
    /// Gateways and processors.
    Deployment,
    /// Migrations.
    Job,
    /// Limits to voluntary disruption.
    PodDisruptionBudget,
    /// Who may talk to whom.
    NetworkPolicy,
    /// Access from outside.
    Ingress,
    /// Autoscalers.
    HorizontalPodAutoscaler,
    /// KEDA's autoscalers.
    ScaledObject,
    /// The Prometheus operator's scrape targets.
    PodMonitor,
    /// Volumes, made by StatefulSets; that of uploaded files by the operator, which never removes it.
    PersistentVolumeClaim,
    /// Pods, made by workloads.
    Pod,
}

impl Kind {
    /// Kinds that every cluster has.
    pub const BUILT_IN: [Self; 13] = [
        Self::ServiceAccount,
        Self::Secret,
        Self::ConfigMap,
        Self::Service,
        Self::StatefulSet,
        Self::Deployment,
        Self::Job,
        Self::PodDisruptionBudget,
        Self::NetworkPolicy,
        Self::Ingress,
        Self::HorizontalPodAutoscaler,
        Self::PersistentVolumeClaim,
        Self::Pod,
    ];

    /// Kinds that are there only when someone has installed them.
    pub const OPTIONAL: [Self; 2] = [Self::ScaledObject, Self::PodMonitor];

    /// Whether the operator makes such objects itself, and so removes those that are no longer wanted.
    #[must_use]
    pub fn is_applied(self) -> bool {
        !matches!(self, Self::PersistentVolumeClaim | Self::Pod)
    }

    /// Name for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::StatefulSet => "StatefulSet",
            Self::Deployment => "Deployment",
            Self::Job => "Job",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Ingress => "Ingress",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::ScaledObject => "ScaledObject",
            Self::PodMonitor => "PodMonitor",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::Pod => "Pod",
        }
    }

    /// How the API server knows it.
    #[must_use]
    pub fn resource(self) -> ApiResource {
        match self {
            Self::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
            Self::Secret => ApiResource::erase::<Secret>(&()),
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::Deployment => ApiResource::erase::<Deployment>(&()),
            Self::Job => ApiResource::erase::<Job>(&()),
            Self::PodDisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
            Self::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Self::Ingress => ApiResource::erase::<Ingress>(&()),
            Self::HorizontalPodAutoscaler => ApiResource::erase::<HorizontalPodAutoscaler>(&()),
            Self::PersistentVolumeClaim => ApiResource::erase::<PersistentVolumeClaim>(&()),
            Self::Pod => ApiResource::erase::<Pod>(&()),
            Self::ScaledObject => foreign("keda.sh", "v1alpha1", self, "scaledobjects"),
            Self::PodMonitor => foreign("monitoring.coreos.com", "v1", self, "podmonitors"),
        }
    }
}

fn foreign(group: &str, version: &str, kind: Kind, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(group, version, kind.as_str()),
        plural,
    )
}
