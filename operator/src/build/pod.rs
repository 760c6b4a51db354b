//! What all pods have in common: the restricted security context, the overrides of the spec, and small pieces.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource,
    EnvVar, EnvVarSource, HTTPGetAction, KeyToPath, LocalObjectReference, ObjectFieldSelector,
    PodAffinityTerm, PodAntiAffinity, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    SeccompProfile, SecretVolumeSource, SecurityContext, TCPSocketAction, Toleration,
    TopologySpreadConstraint, Volume, VolumeMount, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{self, Component};
use super::{attachments, service_account};
use crate::crd::PodOverrides;
use crate::validate::Plan;

/// User and group of the upstream images of all three backends.
pub(super) const BACKEND_USER: i64 = 999;

/// What differs between the pods of the components.
pub(super) struct Pod<'a> {
    pub(super) component: Component,
    pub(super) overrides: &'a PodOverrides,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) container: Container,
    pub(super) volumes: Vec<Volume>,
    pub(super) termination_grace_period_seconds: i64,
    /// Set for images whose files belong to a certain user; our own images run as the user that they name.
    pub(super) user: Option<i64>,
    pub(super) restart_policy: Option<&'static str>,
}

pub(super) fn template(plan: &Plan, pod: Pod<'_>) -> PodTemplateSpec {
    let mut labels = pod.overrides.labels.clone();
    labels.extend(labels::all(plan, pod.component));
    let mut annotations = pod.overrides.annotations.clone();
    annotations.extend(pod.annotations);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            containers: vec![Container {
                image_pull_policy: Some(plan.spec.images.pull_policy.as_str().to_owned()),
                security_context: Some(container_security()),
                ..pod.container
            }],
            volumes: non_empty(pod.volumes),
            service_account_name: Some(service_account::name(plan)),
            automount_service_account_token: Some(false),
            // Service variables of a whole namespace are no business of ours, and slow down pods in large ones.
            enable_service_links: Some(false),
            security_context: Some(pod_security(pod.user)),
            termination_grace_period_seconds: Some(pod.termination_grace_period_seconds),
            restart_policy: pod.restart_policy.map(str::to_owned),
            image_pull_secrets: non_empty(
                plan.spec
                    .images
                    .pull_secrets
                    .iter()
                    .map(|secret| LocalObjectReference {
                        name: secret.name.clone(),
                    })
                    .collect(),
            ),
            node_selector: (!pod.overrides.node_selector.is_empty())
                .then(|| pod.overrides.node_selector.clone()),
            tolerations: non_empty(pod.overrides.tolerations.iter().map(toleration).collect()),
            priority_class_name: pod.overrides.priority_class_name.clone(),
            affinity: Some(
                pod.overrides
                    .affinity
                    .clone()
                    .unwrap_or_else(|| placement(plan, pod.component)),
            ),
            topology_spread_constraints: Some(vec![spread_over_zones(plan, pod.component)]),
            ..PodSpec::default()
        }),
    }
}

fn pod_security(user: Option<i64>) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: user,
        run_as_group: user,
        fs_group: user,
        // Without this the kubelet walks a whole database at every start.
        fs_group_change_policy: user.map(|_| "OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}

fn toleration(toleration: &crate::crd::Toleration) -> Toleration {
    Toleration {
        key: toleration.key.clone(),
        operator: toleration.operator.clone(),
        value: toleration.value.clone(),
        effect: toleration.effect.clone(),
        toleration_seconds: toleration.toleration_seconds,
    }
}

/// Apart from its kind, unless a shared volume holds them together.
fn placement(plan: &Plan, component: Component) -> Affinity {
    match component {
        Component::Gateway | Component::Processor => attachments::placement(plan),
        _ => None,
    }
    .unwrap_or_else(|| apart_from_its_kind(plan, component))
}

/// Prefers nodes without a pod of the same component; on one node all still run.
fn apart_from_its_kind(plan: &Plan, component: Component) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![
                WeightedPodAffinityTerm {
                    weight: 100,
                    pod_affinity_term: PodAffinityTerm {
                        label_selector: Some(labels::label_selector(plan, component)),
                        topology_key: "kubernetes.io/hostname".to_owned(),
                        ..PodAffinityTerm::default()
                    },
                },
            ]),
            ..PodAntiAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn spread_over_zones(plan: &Plan, component: Component) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "topology.kubernetes.io/zone".to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(labels::label_selector(plan, component)),
        ..TopologySpreadConstraint::default()
    }
}

fn non_empty<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// Annotations by which a plain Prometheus finds a pod's metrics.
pub(super) fn scraped_at(port: u16) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("prometheus.io/scrape".to_owned(), "true".to_owned()),
        ("prometheus.io/port".to_owned(), port.to_string()),
        ("prometheus.io/path".to_owned(), "/metrics".to_owned()),
    ])
}

pub(super) fn value(name: &str, value: impl ToString) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.to_string()),
        ..EnvVar::default()
    }
}

pub(super) fn value_from(name: &str, source: EnvVarSource) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(source),
        ..EnvVar::default()
    }
}

pub(super) fn pod_field(path: &str) -> EnvVarSource {
    EnvVarSource {
        field_ref: Some(ObjectFieldSelector {
            field_path: path.to_owned(),
            api_version: Some("v1".to_owned()),
        }),
        ..EnvVarSource::default()
    }
}

pub(super) fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

pub(super) fn http_probe(path: &str, port: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(port.to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        timeout_seconds: Some(3),
        ..Probe::default()
    }
}

pub(super) fn tcp_probe(port: &str) -> Probe {
    Probe {
        tcp_socket: Some(TCPSocketAction {
            port: IntOrString::String(port.to_owned()),
            ..TCPSocketAction::default()
        }),
        timeout_seconds: Some(3),
        ..Probe::default()
    }
}

/// How often a probe asks, and how many failures in a row count.
pub(super) fn every(period_seconds: i32, failure_threshold: i32, probe: Probe) -> Probe {
    Probe {
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failure_threshold),
        ..probe
    }
}

pub(super) fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

pub(super) fn read_only(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        read_only: Some(true),
        ..mount(name, path)
    }
}

/// A scratch directory, bounded so that a pod can't fill its node's disk.
pub(super) fn scratch(name: &str, size: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(size.to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

pub(super) fn config_files(name: &str, config_map: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map.to_owned(),
            default_mode: Some(0o444),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Only the named keys of the credentials, readable by the pod's user only.
pub(super) fn credential_files(plan: &Plan, name: &str, keys: &[&str]) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(super::credentials_name(&plan.name)),
            default_mode: Some(0o440),
            items: Some(
                keys.iter()
                    .map(|key| KeyToPath {
                        key: (*key).to_owned(),
                        path: (*key).to_owned(),
                        ..KeyToPath::default()
                    })
                    .collect(),
            ),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}
