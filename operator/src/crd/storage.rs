//! A persistent volume's size and class.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Quantity;

/// A persistent volume.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageSpec {
    /// Size; it can grow where the storage class allows it, and never shrinks.
    #[serde(default = "default_size")]
    pub size: Quantity,
    /// Storage class; the cluster's default class when left out. It can't be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

fn default_size() -> Quantity {
    "2Gi".into()
}

impl Default for StorageSpec {
    fn default() -> Self {
        super::all_defaults()
    }
}
