//! The Secret with the generated credentials.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{EnvVarSource, Secret, SecretKeySelector};

use super::labels::Component;
use super::metadata;
use crate::crd::DeletionPolicy;
use crate::validate::Plan;

pub(super) fn build(plan: &Plan) -> Secret {
    let name = super::credentials_name(&plan.name);
    Secret {
        metadata: match plan.spec.deletion_policy {
            // It stays with the volumes: without it a database that is taken up again could not be opened.
            DeletionPolicy::Retain => metadata::unowned(plan, Component::Shared, name),
            DeletionPolicy::Delete => metadata::owned(plan, Component::Shared, name),
        },
        type_: Some("Opaque".to_owned()),
        data: Some(
            plan.resolved
                .credentials
                .iter()
                .map(|(key, value)| (key.to_owned(), ByteString(value.to_vec())))
                .collect(),
        ),
        ..Secret::default()
    }
}

/// A reference to one of the generated credentials.
pub(super) fn reference(plan: &Plan, key: &str) -> EnvVarSource {
    from_secret(&super::credentials_name(&plan.name), key)
}

pub(super) fn from_secret(name: &str, key: &str) -> EnvVarSource {
    EnvVarSource {
        secret_key_ref: Some(SecretKeySelector {
            name: name.to_owned(),
            key: key.to_owned(),
            ..SecretKeySelector::default()
        }),
        ..EnvVarSource::default()
    }
}
