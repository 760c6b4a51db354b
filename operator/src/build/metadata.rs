//! Names, labels and owners of the objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use sha2::{Digest, Sha256};

use super::labels::{self, Component};
use crate::crd::ChatCluster;
use crate::validate::Plan;

/// Pod annotation: changes, and so rolls the pods, when a credential that they use changes.
pub const CREDENTIALS_HASH: &str = "chatcluster.dev/credentials-hash";
/// Pod annotation: changes, and so rolls the pods, when their mounted configuration changes.
pub const CONFIG_HASH: &str = "chatcluster.dev/config-hash";

/// Metadata of an object that goes with its ChatCluster.
pub(super) fn owned(plan: &Plan, component: Component, name: String) -> ObjectMeta {
    ObjectMeta {
        owner_references: Some(vec![owner(plan)]),
        ..unowned(plan, component, name)
    }
}

/// Metadata of an object that may outlive its ChatCluster.
pub(super) fn unowned(plan: &Plan, component: Component, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(plan.namespace.clone()),
        labels: Some(labels::all(plan, component)),
        ..ObjectMeta::default()
    }
}

pub(super) fn owner(plan: &Plan) -> OwnerReference {
    OwnerReference {
        api_version: ChatCluster::api_version(&()).into_owned(),
        kind: ChatCluster::kind(&()).into_owned(),
        name: plan.name.clone(),
        uid: plan.uid.clone(),
        controller: Some(true),
        // A foreground deletion waits for the children, so that "deleted" means that nothing runs any more.
        block_owner_deletion: Some(true),
    }
}

/// A short hash of the files of a ConfigMap.
pub(super) fn config_hash(data: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, content) in data {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(content.as_bytes());
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..8])
}
