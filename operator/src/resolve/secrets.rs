//! The Secrets that a spec names: they belong to someone else, so they are only read, and only the keys that are named.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use sha2::{Digest, Sha256};

use crate::crd::{ChatClusterSpec, SecretRef};

/// What a Secret of the spec is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferencedSecret {
    /// URL of the database.
    Postgres,
    /// URL of the broker.
    RabbitMq,
    /// URL of Redis.
    Redis,
    /// Key that signs access tokens.
    Jwt,
}

/// A Secret that the spec names can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretProblem {
    /// There is no such Secret.
    #[error("{field}: there is no Secret \"{name}\" in this namespace; create it")]
    Missing {
        /// Field of the spec that names it.
        field: &'static str,
        /// Its name.
        name: String,
    },
    /// The Secret lacks the key.
    #[error("{field}: Secret \"{name}\" has no key \"{key}\"; add it, or set the reference's key")]
    MissingKey {
        /// Field of the spec that names it.
        field: &'static str,
        /// Its name.
        name: String,
        /// The key.
        key: String,
    },
    /// The value can't be what it should be.
    #[error("{field}: the value in Secret \"{name}\" {problem}")]
    Unusable {
        /// Field of the spec that names it.
        field: &'static str,
        /// Its name.
        name: String,
        /// What is wrong with it, without the value.
        problem: &'static str,
    },
    /// The API server did not answer.
    #[error("reading Secret \"{name}\"")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Shortest key that may sign tokens: HS256 is as strong as its key.
const MIN_JWT_KEY_BYTES: usize = 32;

/// All references of a spec, with the field that names each.
fn references(spec: &ChatClusterSpec) -> Vec<(ReferencedSecret, &'static str, SecretRef)> {
    let mut found = Vec::new();
    if let Some(external) = &spec.postgres.external {
        found.push((
            ReferencedSecret::Postgres,
            "spec.postgres.external.secretRef",
            external.secret_ref.clone(),
        ));
    } else if let Some(cloud_native_pg) = &spec.postgres.cloud_native_pg {
        found.push((
            ReferencedSecret::Postgres,
            "spec.postgres.cloudNativePG.clusterName",
            SecretRef {
                name: format!("{}-app", cloud_native_pg.cluster_name),
                key: "uri".to_owned(),
            },
        ));
    }
    if let Some(external) = &spec.rabbitmq.external {
        found.push((
            ReferencedSecret::RabbitMq,
            "spec.rabbitmq.external.secretRef",
            external.secret_ref.clone(),
        ));
    }
    if let Some(external) = &spec.redis.external {
        found.push((
            ReferencedSecret::Redis,
            "spec.redis.external.secretRef",
            external.secret_ref.clone(),
        ));
    }
    if let Some(jwt) = &spec.auth.jwt_secret_ref {
        found.push((ReferencedSecret::Jwt, "spec.auth.jwtSecretRef", jwt.clone()));
    }
    found
}

/// Reads the Secrets that the spec names and returns a fingerprint of each value, never the value.
///
/// The fingerprint is salted with the cluster's `uid`, so that equal passwords of two clusters don't show.
///
/// # Errors
/// [`SecretProblem`] for the first that can't be used.
pub async fn read_referenced_secrets(
    client: &Client,
    namespace: &str,
    uid: &str,
    spec: &ChatClusterSpec,
) -> Result<BTreeMap<ReferencedSecret, String>, SecretProblem> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let mut fingerprints = BTreeMap::new();
    for (purpose, field, reference) in references(spec) {
        let secret = api
            .get_opt(&reference.name)
            .await
            .map_err(|source| SecretProblem::Read {
                name: reference.name.clone(),
                source: Box::new(source),
            })?
            .ok_or_else(|| SecretProblem::Missing {
                field,
                name: reference.name.clone(),
            })?;
        let value = secret
            .data
            .as_ref()
            .and_then(|data| data.get(&reference.key))
            .ok_or_else(|| SecretProblem::MissingKey {
                field,
                name: reference.name.clone(),
                key: reference.key.clone(),
            })?;
        if let Some(problem) = problem_with(purpose, &value.0) {
            return Err(SecretProblem::Unusable {
                field,
                name: reference.name,
                problem,
            });
        }
        fingerprints.insert(purpose, fingerprint(uid, &value.0));
    }
    Ok(fingerprints)
}

fn problem_with(purpose: ReferencedSecret, value: &[u8]) -> Option<&'static str> {
    let starts_with = |schemes: &[&str]| {
        schemes
            .iter()
            .any(|scheme| value.starts_with(scheme.as_bytes()))
    };
    match purpose {
        ReferencedSecret::Postgres if !starts_with(&["postgres://", "postgresql://"]) => {
            Some("is no URL that starts with postgres://")
        }
        ReferencedSecret::RabbitMq if !starts_with(&["amqp://", "amqps://"]) => {
            Some("is no URL that starts with amqp:// or amqps://")
        }
        ReferencedSecret::Redis if !starts_with(&["redis://", "rediss://"]) => {
            Some("is no URL that starts with redis:// or rediss://")
        }
        ReferencedSecret::Jwt if value.len() < MIN_JWT_KEY_BYTES => {
            Some("is shorter than 32 bytes; use a longer random text")
        }
        _ => None,
    }
}

fn fingerprint(uid: &str, value: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update(uid.as_bytes())
        .chain_update(value)
        .finalize();
    hex::encode(&digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_can_not_work_is_named_before_pods_crash_on_it() {
        for (purpose, value) in [
            (ReferencedSecret::Postgres, "mysql://x"),
            (ReferencedSecret::RabbitMq, "http://x"),
            (ReferencedSecret::Redis, "localhost:6379"),
            (ReferencedSecret::Jwt, "short"),
        ] {
            assert!(
                problem_with(purpose, value.as_bytes()).is_some(),
                "{purpose:?}"
            );
        }
        assert_eq!(
            problem_with(ReferencedSecret::Postgres, b"postgresql://u:p@h/d"),
            None
        );
    }

    #[test]
    fn equal_values_of_two_clusters_have_different_fingerprints() {
        assert_ne!(fingerprint("a", b"same"), fingerprint("b", b"same"));
    }
}
