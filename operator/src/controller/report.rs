//! Writing the status, when it has changed, and telling what changed.

use std::time::Duration;

use k8s_openapi::jiff::{Timestamp, Unit};
use kube::api::{Patch, PatchParams};
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tokio::time::Instant;

use super::{Context, ReconcileError, key_of};
use crate::children::ClusterChildren;
use crate::crd::{ChatCluster, ChatClusterSpec, ChatClusterStatus};
use crate::managed_fields::FIELD_MANAGER;
use crate::metrics::Verb;
use crate::status::{self, Obstacle};
use crate::validate::Plan;

/// Writes the status, or returns how long that is to wait: the steps of a ChatCluster that is on its way follow each other
/// fast, and a status is the largest write of all.
pub(super) async fn status(
    cluster: &ChatCluster,
    plan: &Plan,
    live: &ClusterChildren,
    previous: ChatClusterStatus,
    failure: Option<&str>,
    context: &Context,
) -> Result<Option<Duration>, ReconcileError> {
    let shown = context.displays.of(&key_of(cluster));
    // After a restart the readings come a moment later and wake the ChatCluster again; until then its status still holds.
    if shown.is_none() && previous.observed_generation == cluster.metadata.generation {
        return Ok(None);
    }
    let present = status::of(
        plan,
        live,
        shown.as_ref(),
        failure,
        &previous,
        cluster.metadata.generation,
        &now(),
    );
    if previous == present {
        return Ok(None);
    }
    let notices = status::scaling_notices(plan, live, &previous, &present);
    if failure.is_none() && notices.is_empty() && status::is_step(&previous, &present) {
        let uid = cluster.uid().unwrap_or_default();
        let wait = context
            .memory
            .wait_for_next_step(&key_of(cluster), &uid, Instant::now());
        if wait.is_some() {
            return Ok(wait);
        }
    }
    for notice in notices {
        context.events.publish(cluster, &notice);
    }
    write(cluster, previous, present, context).await?;
    Ok(None)
}

pub(super) async fn obstacle(
    cluster: &ChatCluster,
    previous: ChatClusterStatus,
    obstacle: &Obstacle,
    context: &Context,
) -> Result<(), ReconcileError> {
    let present = status::of_obstacle(obstacle, &previous, cluster.metadata.generation, &now());
    write(cluster, previous, present, context).await
}

pub(super) async fn paused(cluster: &ChatCluster, context: &Context) -> Result<(), ReconcileError> {
    let previous = previous(cluster, context);
    let present = status::of_paused(&previous, cluster.metadata.generation, &now());
    write(cluster, previous, present, context).await
}

/// A ChatCluster that was stored under rules that this version does not know. Only its status is written.
pub(super) async fn unreadable(
    invalid: &InvalidObject,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let mut cluster = ChatCluster::new("", ChatClusterSpec::default());
    cluster.metadata = invalid.metadata.clone();
    let found = Obstacle {
        reason: "InvalidSpec",
        message: format!(
            "this version of the operator can't read it: {}",
            invalid.error
        ),
        invalid_spec: true,
    };
    let previous = previous(&cluster, context);
    obstacle(&cluster, previous, &found, context).await?;
    Ok(Action::await_change())
}

/// The status that is there. To be asked before anything is waited for: once the watch has brought a status back, only those
/// who look at the ChatCluster anew see it.
pub(super) fn previous(cluster: &ChatCluster, context: &Context) -> ChatClusterStatus {
    context
        .memory
        .status(
            &key_of(cluster),
            &cluster.uid().unwrap_or_default(),
            cluster.status.as_ref(),
        )
        .or_else(|| cluster.status.clone())
        .unwrap_or_default()
}

async fn write(
    cluster: &ChatCluster,
    previous: ChatClusterStatus,
    present: ChatClusterStatus,
    context: &Context,
) -> Result<(), ReconcileError> {
    let key = key_of(cluster);
    let uid = cluster.uid().unwrap_or_default();
    if previous == present {
        return Ok(());
    }
    if !context.applier.leadership.is_current() {
        return Err(crate::apply::ApplyError::NotLeading.into());
    }
    let patch = json!({
        "apiVersion": ChatCluster::api_version(&()),
        "kind": ChatCluster::kind(&()),
        "metadata": {"name": key.name, "uid": uid},
        "status": present,
    });
    context.metrics.wrote(Verb::status);
    // Before it is sent, for the watch may bring it back before the answer comes.
    context
        .memory
        .writes_status(&key, &uid, present.clone(), Instant::now());
    let written = Api::<ChatCluster>::namespaced(context.client.clone(), &key.namespace)
        .patch_status(
            &key.name,
            &PatchParams::apply(FIELD_MANAGER)
                .force()
                .validation_ignore(),
            &Patch::Apply(patch),
        )
        .await;
    match written {
        Ok(_) => {}
        // Gone in the meantime: nobody is left to tell.
        Err(kube::Error::Api(gone)) if matches!(gone.code, 404 | 409) => {
            context.memory.keeps_status(&key, &uid, previous);
            return Ok(());
        }
        Err(source) => {
            context.memory.keeps_status(&key, &uid, previous);
            return Err(ReconcileError::Write {
                what: "the status could not be written",
                source: Box::new(source),
            });
        }
    }
    for notice in status::notices(&previous, &present) {
        context.events.publish(cluster, &notice);
    }
    Ok(())
}

/// Kubernetes keeps times of conditions in whole seconds.
fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now).to_string()
}
