//! Manifests: the CRD as YAML, and a check of a ChatCluster without a cluster.

use kube::ResourceExt;
use serde::Deserialize;
use serde_yaml_ng::Value;

use crate::crd::{self, ChatCluster};
use crate::validate::{self, InvalidSpec};

/// A manifest is not a valid ChatCluster.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not YAML, or not of the right shape.
    #[error("not a ChatCluster: {0}")]
    Unreadable(#[from] serde_yaml_ng::Error),
    /// It breaks a rule.
    #[error("{name}: {rules}")]
    Invalid {
        /// Its name.
        name: String,
        /// The rules.
        rules: InvalidSpec,
    },
    /// It has a field that there is not.
    #[error("{name}: unknown field {field}; check its spelling and its place")]
    UnknownField {
        /// Its name.
        name: String,
        /// Path of the field.
        field: String,
    },
    /// There is none.
    #[error("there is no ChatCluster in it")]
    Empty,
}

/// The CRD as YAML.
///
/// # Errors
/// Never for the CRD of this crate.
pub fn crd() -> Result<String, ManifestError> {
    let yaml = serde_yaml_ng::to_string(&crd::definition())?;
    Ok(format!(
        "# Printed by `chat-operator crd`; do not edit.\n{yaml}"
    ))
}

/// Checks every ChatCluster of a manifest against the rules of the CRD; other objects are passed over. Returns the names.
///
/// # Errors
/// [`ManifestError`] for the first that is not valid.
pub fn check(manifest: &str) -> Result<String, ManifestError> {
    let mut names = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(manifest) {
        let value = Value::deserialize(document)?;
        if value.get("kind").and_then(Value::as_str) != Some("ChatCluster") {
            continue;
        }
        let cluster: ChatCluster = serde_yaml_ng::from_value(value.clone())?;
        if let Some(field) = unknown_field(&value, &serde_yaml_ng::to_value(&cluster)?, "") {
            return Err(ManifestError::UnknownField {
                name: cluster.name_any(),
                field,
            });
        }
        validate::check_rules(&cluster).map_err(|rules| ManifestError::Invalid {
            name: cluster.name_any(),
            rules,
        })?;
        names.push(format!("ChatCluster {}", cluster.name_any()));
    }
    match names.is_empty() {
        true => Err(ManifestError::Empty),
        false => Ok(names.join(", ")),
    }
}

/// The first field of `written` that is not in `read`, which holds every field that was understood. Values of free-form
/// maps and what was written as null are in order.
fn unknown_field(written: &Value, read: &Value, path: &str) -> Option<String> {
    match (written, read) {
        (Value::Mapping(written), Value::Mapping(read)) => {
            written.iter().find_map(|(name, value)| {
                let path = format!("{path}.{}", name.as_str().unwrap_or_default());
                match read.get(name) {
                    Some(read) => unknown_field(value, read, &path),
                    None if is_empty(value) => None,
                    None => Some(path),
                }
            })
        }
        (Value::Sequence(written), Value::Sequence(read)) => written
            .iter()
            .zip(read)
            .enumerate()
            .find_map(|(index, (value, read))| {
                unknown_field(value, read, &format!("{path}[{index}]"))
            }),
        _ => None,
    }
}

/// Nulls and empty lists are left out when a ChatCluster is written.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Sequence(items) => items.is_empty(),
        _ => false,
    }
}
