//! Volumes that grow. A StatefulSet never changes the volumes that it has made, so they are changed one by one.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Applier, ApplyError, api_error};
use crate::build::Component;
use crate::children::{ClusterChildren, Facts};
use crate::crd::{Quantity, StorageSpec};
use crate::kinds::Kind;
use crate::managed_fields::FIELD_MANAGER;
use crate::metrics::Verb;
use crate::validate::Plan;

pub(super) async fn grow(
    applier: &Applier,
    plan: &Plan,
    live: &ClusterChildren,
) -> Result<(), ApplyError> {
    let backends = [
        (
            Component::Postgres,
            plan.postgres.managed().map(|managed| &managed.storage),
        ),
        (
            Component::RabbitMq,
            plan.rabbitmq.managed().map(|managed| &managed.storage),
        ),
    ];
    for (component, storage) in backends {
        let Some(StorageSpec { size, .. }) = storage else {
            continue;
        };
        let prefix = format!("data-{}-", plan.child(component.as_str()));
        for (key, child) in live {
            let Facts::Volume(volume) = &child.facts else {
                continue;
            };
            let is_smaller = Quantity::from(&*volume.requested).to_units() < size.to_units();
            if key.kind != Kind::PersistentVolumeClaim
                || !key.name.starts_with(&prefix)
                || !is_smaller
            {
                continue;
            }
            applier.must_lead()?;
            let params = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            applier.metrics.wrote(Verb::patch);
            applier
                .api(plan, key.kind)
                .patch(
                    &key.name,
                    &params,
                    &Patch::Merge(
                        json!({"spec": {"resources": {"requests": {"storage": size.0}}}}),
                    ),
                )
                .await
                .map_err(|source| api_error("grow", key, source))?;
        }
    }
    Ok(())
}
