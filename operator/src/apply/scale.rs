//! The hand-over of `spec.replicas` from the operator to an autoscaler.
//!
//! A field that its only owner stops applying falls back to its default, which for replicas is 1: turning autoscaling on
//! under load would stop all pods but one. So before the operator lets go, another manager takes the present number, and
//! the autoscaler takes it from there when it first changes it.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Applier, ApplyError, Object, api_error};
use crate::children::{Child, Facts};
use crate::kinds::Kind;
use crate::metrics::Verb;
use crate::validate::{Plan, Scaling};

/// Holds the number between the operator and the autoscaler.
const HANDOVER_MANAGER: &str = "chatcluster-scale-handover";

pub(super) async fn hand_over(
    applier: &Applier,
    plan: &Plan,
    object: &Object,
    child: Option<&Child>,
) -> Result<(), ApplyError> {
    match replicas_to_hold(object, child) {
        Some(replicas) => hold(applier, plan, object, replicas).await,
        None => Ok(()),
    }
}

/// A new Deployment of an autoscaled component has one pod; this gives it the fewest that it may have, without waiting for
/// the autoscaler's first look.
pub(super) async fn start(
    applier: &Applier,
    plan: &Plan,
    object: &Object,
) -> Result<(), ApplyError> {
    let fewest = match (&plan.gateway_scaling, &plan.processor_scaling) {
        (Scaling::Auto(gateways, _), _) if *object.key.name == plan.child("gateway") => {
            gateways.min_replicas
        }
        (_, Scaling::Auto(processors, _)) if *object.key.name == plan.child("processor") => {
            processors.min_replicas
        }
        _ => 1,
    };
    if object.key.kind == Kind::Deployment && fewest > 1 {
        hold(applier, plan, object, fewest).await?;
    }
    Ok(())
}

async fn hold(
    applier: &Applier,
    plan: &Plan,
    object: &Object,
    replicas: i32,
) -> Result<(), ApplyError> {
    applier.must_lead()?;
    let key = &object.key;
    let resource = key.kind.resource();
    let body = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": key.name, "namespace": plan.namespace},
        "spec": {"replicas": replicas},
    });
    applier.metrics.wrote(Verb::apply);
    applier
        .api(plan, key.kind)
        .patch(
            &key.name,
            &PatchParams::apply(HANDOVER_MANAGER)
                .force()
                .validation_ignore(),
            &Patch::Apply(&body),
        )
        .await
        .map(drop)
        .map_err(|source| api_error("hand over", key, source))
}

/// The present number, where the operator owns it and no longer wants to.
fn replicas_to_hold(object: &Object, child: Option<&Child>) -> Option<i32> {
    match child.map(|child| &child.facts) {
        Some(Facts::Workload(workload))
            if object.key.kind == Kind::Deployment
                && workload.replicas_are_ours
                && !object.sets_replicas =>
        {
            Some(workload.replicas)
        }
        _ => None,
    }
}
