//! The few facts about a live object that the operator keeps. The object itself is dropped at once, which is what lets a
//! thousand ChatClusters fit into tens of megabytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::kinds::Kind;
use crate::managed_fields;

/// What matters of a live object, by its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Facts {
    /// Its existence.
    None,
    /// How far a Deployment or StatefulSet is.
    Workload(Workload),
    /// How a Job ended.
    Job(JobState),
    /// What a Secret of ours holds.
    Secret(SecretData),
    /// How a pod is.
    Pod(PodFacts),
    /// How large a volume is.
    Volume(Volume),
    /// How a Service is reached.
    Service(ServiceFacts),
    /// What an autoscaler does.
    Autoscaler(Autoscaler),
}

/// How far a Deployment or StatefulSet is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    /// Pods wanted.
    pub replicas: i32,
    /// Pods ready.
    pub ready: i32,
    /// Pods of the present revision.
    pub updated: i32,
    /// Pods in all.
    pub total: i32,
    /// Whether its controller has seen the present spec.
    pub observed: bool,
    /// Whether it has given up waiting for progress.
    pub stuck: bool,
    /// Whether `spec.replicas` belongs to us.
    pub replicas_are_ours: bool,
}

/// How a Job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It has not ended.
    Running,
    /// It succeeded.
    Complete,
    /// It failed for good.
    Failed {
        /// Why.
        message: Box<str>,
        /// When, RFC 3339.
        since: Box<str>,
    },
}

/// The values of a Secret; `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretData(pub Arc<BTreeMap<String, Vec<u8>>>);

impl std::fmt::Debug for SecretData {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// How a pod is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFacts {
    /// Its component's label.
    pub component: Box<str>,
    /// Its address.
    pub address: Option<Box<str>>,
    /// Whether it is ready.
    pub ready: bool,
    /// What keeps it from running, if anything does: the reason, and a sentence where there is one.
    pub trouble: Option<Box<str>>,
}

/// How large a volume is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The size asked for.
    pub requested: Box<str>,
}

/// How a Service is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Whether it has an address of its own; a headless one has none.
    pub has_cluster_ip: bool,
}

/// What an autoscaler does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Autoscaler {
    /// Pods that it sees.
    pub current: i32,
    /// Pods that it wants.
    pub desired: i32,
    /// Whether it can read its metrics; unknown until it has tried.
    pub active: Option<bool>,
    /// Why not.
    pub message: Box<str>,
}

/// Reads the facts of a live object.
#[must_use]
pub fn of(kind: Kind, object: &Value) -> Facts {
    match kind {
        Kind::Deployment | Kind::StatefulSet => Facts::Workload(workload(object)),
        Kind::Job => Facts::Job(job(object)),
        Kind::Secret => Facts::Secret(secret(object)),
        Kind::Pod => Facts::Pod(pod(object)),
        Kind::PersistentVolumeClaim => Facts::Volume(Volume {
            requested: text(object, "/spec/resources/requests/storage").into(),
        }),
        Kind::HorizontalPodAutoscaler => Facts::Autoscaler(autoscaler(object)),
        Kind::Service => Facts::Service(ServiceFacts {
            has_cluster_ip: !matches!(text(object, "/spec/clusterIP"), "" | "None"),
        }),
        Kind::ServiceAccount
        | Kind::ConfigMap
        | Kind::PodDisruptionBudget
        | Kind::NetworkPolicy
        | Kind::Ingress
        | Kind::ScaledObject
        | Kind::PodMonitor => Facts::None,
    }
}

fn workload(object: &Value) -> Workload {
    let replicas = number(object, "/spec/replicas").unwrap_or(1);
    Workload {
        replicas,
        ready: number(object, "/status/readyReplicas").unwrap_or(0),
        updated: number(object, "/status/updatedReplicas").unwrap_or(0),
        total: number(object, "/status/replicas").unwrap_or(0),
        observed: object
            .pointer("/status/observedGeneration")
            .and_then(Value::as_i64)
            >= object
                .pointer("/metadata/generation")
                .and_then(Value::as_i64),
        stuck: condition(object, "Progressing")
            .is_some_and(|condition| condition["reason"] == "ProgressDeadlineExceeded"),
        replicas_are_ours: managed_fields::is_ours(object, &["spec", "replicas"]),
    }
}

fn job(object: &Value) -> JobState {
    if is_true(object, "Complete") {
        return JobState::Complete;
    }
    match condition(object, "Failed") {
        Some(failed) if failed["status"] == "True" => JobState::Failed {
            message: failed["message"].as_str().unwrap_or_default().into(),
            since: failed["lastTransitionTime"]
                .as_str()
                .unwrap_or_default()
                .into(),
        },
        _ => JobState::Running,
    }
}

fn secret(object: &Value) -> SecretData {
    let data = object.get("data").and_then(Value::as_object);
    SecretData(Arc::new(
        data.into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), STANDARD.decode(value.as_str()?).ok()?)))
            .collect(),
    ))
}

fn pod(object: &Value) -> PodFacts {
    PodFacts {
        component: object
            .pointer("/metadata/labels/app.kubernetes.io~1component")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .into(),
        address: object
            .pointer("/status/podIP")
            .and_then(Value::as_str)
            .map(Into::into),
        ready: is_true(object, "Ready") && object.pointer("/metadata/deletionTimestamp").is_none(),
        trouble: trouble(object).map(Into::into),
    }
}

/// The first container that can't start says why; a pod that can't be placed says so itself.
fn trouble(object: &Value) -> Option<String> {
    let waiting = |list: &str| {
        object
            .pointer(list)?
            .as_array()?
            .iter()
            .filter_map(|status| status.pointer("/state/waiting"))
            .find(|waiting| {
                !matches!(
                    waiting["reason"].as_str(),
                    None | Some("ContainerCreating" | "PodInitializing")
                )
            })
            .map(describe)
    };
    waiting("/status/containerStatuses")
        .or_else(|| waiting("/status/initContainerStatuses"))
        .or_else(|| {
            condition(object, "PodScheduled")
                .filter(|scheduled| scheduled["status"] == "False")
                .map(describe)
        })
}

/// The messages of the kubelet name images and nodes, never values of Secrets; they are cut, because some are long.
fn describe(state: &Value) -> String {
    let reason = state["reason"].as_str().unwrap_or("Unknown");
    match state["message"].as_str() {
        Some(message) if !message.is_empty() => format!(
            "{reason}: {}",
            message.chars().take(160).collect::<String>()
        ),
        _ => reason.to_owned(),
    }
}

fn autoscaler(object: &Value) -> Autoscaler {
    let scaling = condition(object, "ScalingActive");
    Autoscaler {
        current: number(object, "/status/currentReplicas").unwrap_or(0),
        desired: number(object, "/status/desiredReplicas").unwrap_or(0),
        active: scaling.map(|condition| condition["status"] == "True"),
        message: scaling
            .and_then(|condition| condition["message"].as_str())
            .unwrap_or_default()
            .into(),
    }
}

fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object
        .pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == type_)
}

fn is_true(object: &Value, type_: &str) -> bool {
    condition(object, type_).is_some_and(|condition| condition["status"] == "True")
}

fn number(object: &Value, pointer: &str) -> Option<i32> {
    object
        .pointer(pointer)?
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workload_whose_controller_lags_is_not_observed() {
        let object = json!({
            "metadata": {"generation": 3}, "spec": {"replicas": 2},
            "status": {"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 2, "replicas": 2},
        });
        let facts = workload(&object);
        assert!(!facts.observed);
        assert_eq!((facts.replicas, facts.ready), (2, 2));
    }

    #[test]
    fn a_job_that_failed_says_why() {
        let object = json!({"status": {"conditions": [
            {"type": "FailureTarget", "status": "True"},
            {"type": "Failed", "status": "True", "message": "backoff limit", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]}});
        assert!(
            matches!(job(&object), JobState::Failed { message, .. } if &*message == "backoff limit")
        );
        assert_eq!(job(&json!({})), JobState::Running);
    }

    #[test]
    fn a_pod_that_can_not_pull_its_image_is_in_trouble_and_one_that_starts_is_not() {
        let waiting = |reason: &str| json!({"status": {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": "m"}}}]}});
        assert_eq!(
            pod(&waiting("ImagePullBackOff")).trouble.as_deref(),
            Some("ImagePullBackOff: m")
        );
        assert_eq!(pod(&waiting("ContainerCreating")).trouble, None);
    }

    #[test]
    fn a_pod_that_is_being_deleted_is_not_ready() {
        let object = json!({
            "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        assert!(!pod(&object).ready);
    }

    #[test]
    fn debug_of_a_secret_shows_no_value() {
        let facts = of(
            Kind::Secret,
            &json!({"data": {"password": STANDARD.encode("s3cret")}}),
        );
        assert!(!format!("{facts:?}").contains("s3cret"));
        assert!(matches!(facts, Facts::Secret(data) if data.0["password"] == b"s3cret"));
    }
}
