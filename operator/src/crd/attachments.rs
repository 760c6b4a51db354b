//! Where uploaded files and exports of users' data lie.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Quantity;

/// What is stored beside the backends.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilesSpec {
    /// Uploaded files and exports of users' data.
    #[serde(default)]
    pub attachments: AttachmentsSpec,
}

/// Uploaded files and exports. A volume with its defaults where neither `pvc` nor `s3` is set.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("!(has(self.pvc) && has(self.s3))").message(
    "spec.storage.attachments: set either pvc or s3, not both; remove one"
))]
#[x_kube(validation = Rule::new(
    "has(self.s3) || has(oldSelf.s3) || quantity(has(self.pvc) ? self.pvc.size : '2Gi').compareTo(quantity(has(oldSelf.pvc) ? oldSelf.pvc.size : '2Gi')) >= 0"
).message("spec.storage.attachments.pvc.size: a volume can't shrink; keep or raise the size"))]
#[x_kube(validation = Rule::new(
    "has(self.s3) || has(oldSelf.s3) || ((has(self.pvc) && has(self.pvc.storageClassName) ? self.pvc.storageClassName : '') == (has(oldSelf.pvc) && has(oldSelf.pvc.storageClassName) ? oldSelf.pvc.storageClassName : '') && (has(self.pvc) ? self.pvc.accessMode : 'ReadWriteOnce') == (has(oldSelf.pvc) ? oldSelf.pvc.accessMode : 'ReadWriteOnce'))"
).message("spec.storage.attachments.pvc: storageClassName and accessMode can't be changed on a volume that exists; restore the old values"))]
pub struct AttachmentsSpec {
    /// A volume that all gateways and processors share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pvc: Option<AttachmentVolume>,
    /// A bucket in a store that speaks S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Bucket>,
}

/// A volume that all gateways and processors share.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentVolume {
    /// Size; it can grow where the storage class allows it, and never shrinks.
    #[serde(default = "default_size")]
    pub size: Quantity,
    /// Storage class; the cluster's default class when left out. It can't be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
    /// ReadWriteOnce holds all gateways and processors on one node; on several nodes use ReadWriteMany, or S3.
    #[serde(default)]
    pub access_mode: AccessMode,
}

/// How many nodes may mount a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum AccessMode {
    /// One.
    #[default]
    ReadWriteOnce,
    /// Any number.
    ReadWriteMany,
}

impl AccessMode {
    /// As Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadWriteMany => "ReadWriteMany",
        }
    }
}

/// A bucket in a store that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Bucket {
    /// URL of the store, for example `https://s3.eu-west-1.amazonaws.com`.
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://"))]
    pub endpoint: String,
    /// Name of the bucket, which must be there already.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: String,
    /// Region that requests are signed for.
    #[serde(default = "default_region")]
    #[schemars(length(min = 1, max = 64))]
    pub region: String,
    /// Secret in the same namespace with the keys `accessKeyId` and `secretAccessKey`.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

fn default_size() -> Quantity {
    "2Gi".into()
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

impl Default for AttachmentVolume {
    fn default() -> Self {
        super::all_defaults()
    }
}
