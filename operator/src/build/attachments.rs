//! Where uploaded files and exports lie: the shared volume or the bucket, and how gateways and processors get at it.

use chat_core::env;
use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, PersistentVolumeClaim, PersistentVolumeClaimSpec,
    PersistentVolumeClaimVolumeSource, PodAffinity, PodAffinityTerm, Volume, VolumeMount,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::credentials::from_secret;
use super::labels::{self, Component};
use super::metadata;
use super::pod::{mount, scratch, value, value_from};
use crate::crd::{AccessMode, AttachmentVolume, DeletionPolicy};
use crate::validate::Plan;

/// Where the files are in the pods.
const DIRECTORY: &str = "/var/lib/chat/files";
const VOLUME: &str = "files";

/// User and group of our own images, to whom the volume must belong.
pub(super) const USER: i64 = 65532;

/// The volume, unless files lie in a bucket.
pub(super) fn build(plan: &Plan) -> Option<PersistentVolumeClaim> {
    let volume = wanted(plan)?;
    Some(PersistentVolumeClaim {
        metadata: match plan.spec.deletion_policy {
            DeletionPolicy::Retain => metadata::unowned(plan, Component::Shared, name(plan)),
            DeletionPolicy::Delete => metadata::owned(plan, Component::Shared, name(plan)),
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec![volume.access_mode.as_str().to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(volume.size.canonical()))].into()),
                ..VolumeResourceRequirements::default()
            }),
            storage_class_name: volume.storage_class_name,
            volume_mode: Some("Filesystem".to_owned()),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    })
}

fn wanted(plan: &Plan) -> Option<AttachmentVolume> {
    let attachments = &plan.spec.storage.attachments;
    match &attachments.s3 {
        Some(_) => None,
        None => Some(attachments.pvc.clone().unwrap_or_default()),
    }
}

fn name(plan: &Plan) -> String {
    plan.child("files")
}

/// What the binaries read.
pub(super) fn environment(plan: &Plan) -> Vec<EnvVar> {
    let mut variables = vec![value(env::CHAT_FILES_DIR, DIRECTORY)];
    if let Some(s3) = &plan.spec.storage.attachments.s3 {
        variables.extend([
            value(env::CHAT_S3_ENDPOINT, &s3.endpoint),
            value(env::CHAT_S3_BUCKET, &s3.bucket),
            value(env::CHAT_S3_REGION, &s3.region),
            value_from(
                env::CHAT_S3_ACCESS_KEY_ID,
                from_secret(&s3.secret_name, "accessKeyId"),
            ),
            value_from(
                env::CHAT_S3_SECRET_ACCESS_KEY,
                from_secret(&s3.secret_name, "secretAccessKey"),
            ),
        ]);
    }
    variables
}

/// The volume of a pod; with a bucket only what is on its way lies there.
pub(super) fn volume(plan: &Plan) -> Volume {
    if wanted(plan).is_none() {
        return scratch(VOLUME, "2Gi");
    }
    Volume {
        name: VOLUME.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: name(plan),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    }
}

pub(super) fn volume_mount() -> VolumeMount {
    mount(VOLUME, DIRECTORY)
}

/// A volume that one node mounts holds everybody who mounts it on that node.
pub(super) fn placement(plan: &Plan) -> Option<Affinity> {
    if wanted(plan)?.access_mode == AccessMode::ReadWriteMany {
        return None;
    }
    let users = [Component::Gateway, Component::Processor];
    Some(Affinity {
        pod_affinity: Some(PodAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![PodAffinityTerm {
                label_selector: Some(LabelSelector {
                    match_labels: Some([(labels::INSTANCE.to_owned(), plan.name.clone())].into()),
                    match_expressions: Some(vec![LabelSelectorRequirement {
                        key: labels::COMPONENT.to_owned(),
                        operator: "In".to_owned(),
                        values: Some(users.map(|user| user.as_str().to_owned()).into()),
                    }]),
                }),
                topology_key: "kubernetes.io/hostname".to_owned(),
                ..PodAffinityTerm::default()
            }]),
            ..PodAffinity::default()
        }),
        ..Affinity::default()
    })
}
