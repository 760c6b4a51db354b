//! The finalizer, and what it is for.
//!
//! Owner references take everything away with a ChatCluster but the volumes, which Kubernetes never deletes with a
//! StatefulSet that is already gone (for example of a backend that has become external). Only where the deletion policy is
//! `Delete` is there a finalizer, so that those go too. It never waits for anything: a volume that is still mounted is
//! marked and goes with its pod. And it gives up after a while, so that no deletion, of a namespace least of all, can be
//! held up by it.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::DynamicObject;
use kube::runtime::controller::Action;
use kube::{Api, ResourceExt};
use serde_json::json;

use super::{Context, ReconcileError, key_of};
use crate::apply::ApplyError;
use crate::crd::{ChatCluster, DeletionPolicy};
use crate::events::Notice;
use crate::kinds::Kind;
use crate::metrics::Verb;

/// Our finalizer.
const FINALIZER: &str = "chatcluster.dev/delete-volumes";
/// How long volumes are tried to be deleted.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);

/// Adds or removes the finalizer as the deletion policy says.
pub(super) async fn ensure(cluster: &ChatCluster, context: &Context) -> Result<(), ReconcileError> {
    let has = cluster
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER);
    let wants = cluster.spec.deletion_policy == DeletionPolicy::Delete;
    match (has, wants) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => write(cluster, without(cluster), context).await,
        (false, true) => {
            let mut finalizers = cluster.finalizers().to_vec();
            finalizers.push(FINALIZER.to_owned());
            write(cluster, finalizers, context).await
        }
    }
}

/// Deletes the volumes and lets go.
pub(super) async fn finalize(
    cluster: &ChatCluster,
    context: &Context,
) -> Result<Action, ReconcileError> {
    if !cluster
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
    {
        return Ok(Action::await_change());
    }
    let deleted = delete_volumes(cluster, context).await;
    if let Err(error) = deleted {
        if !has_tried_long_enough(cluster) {
            return Err(error);
        }
        let note = format!("Volumes could not be deleted and stay: {error}");
        context
            .events
            .publish(cluster, &Notice::warning("VolumesLeftBehind", note));
    }
    write(cluster, without(cluster), context).await?;
    Ok(Action::await_change())
}

async fn delete_volumes(cluster: &ChatCluster, context: &Context) -> Result<(), ReconcileError> {
    let key = key_of(cluster);
    let kind = Kind::PersistentVolumeClaim;
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &key.namespace, &kind.resource());
    for (child, _) in context
        .children
        .of(&key)
        .iter()
        .filter(|(child, record)| child.kind == kind && !record.deleting)
    {
        must_lead(context)?;
        context.metrics.wrote(Verb::delete);
        match api.delete(&child.name, &DeleteParams::background()).await {
            Ok(_) => {}
            Err(kube::Error::Api(gone)) if gone.code == 404 => {}
            Err(source) => {
                return Err(ReconcileError::Write {
                    what: "a volume could not be deleted",
                    source: Box::new(source),
                });
            }
        }
    }
    Ok(())
}

fn has_tried_long_enough(cluster: &ChatCluster) -> bool {
    cluster
        .metadata
        .deletion_timestamp
        .as_ref()
        .is_some_and(|since| {
            Duration::try_from(Timestamp::now().duration_since(since.0))
                .is_ok_and(|tried| tried > GIVE_UP_AFTER)
        })
}

fn without(cluster: &ChatCluster) -> Vec<String> {
    cluster
        .finalizers()
        .iter()
        .filter(|finalizer| *finalizer != FINALIZER)
        .cloned()
        .collect()
}

async fn write(
    cluster: &ChatCluster,
    finalizers: Vec<String>,
    context: &Context,
) -> Result<(), ReconcileError> {
    must_lead(context)?;
    let key = key_of(cluster);
    // With the version, so that a finalizer which somebody else has just added is not lost.
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": cluster.resource_version()}});
    context.metrics.wrote(Verb::patch);
    let written = Api::<ChatCluster>::namespaced(context.client.clone(), &key.namespace)
        .patch(&key.name, &PatchParams::default(), &Patch::Merge(patch))
        .await;
    match written {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(gone)) if gone.code == 404 => Ok(()),
        Err(source) => Err(ReconcileError::Write {
            what: "the finalizers could not be written",
            source: Box::new(source),
        }),
    }
}

fn must_lead(context: &Context) -> Result<(), ReconcileError> {
    match context.applier.leadership.is_current() {
        true => Ok(()),
        false => Err(ApplyError::NotLeading.into()),
    }
}
