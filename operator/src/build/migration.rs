//! The migration Job: it installs the schema that the present images need, before they are rolled out.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::Container;
use sha2::{Digest, Sha256};

use super::labels::Component;
use super::pod::{self, Pod};
use super::{environment, metadata, resources};
use crate::crd::PodOverrides;
use crate::resolve::ReferencedSecret;
use crate::validate::Plan;

/// How long one try may take, with all its retries. Migrations are additive and small; this bounds one that hangs.
const DEADLINE_SECONDS: i64 = 3600;

/// A Job can't be changed, so each combination of image and database has a Job of its own, named after both.
pub(super) fn build(plan: &Plan) -> Job {
    let image = plan.images.processor.clone();
    let overrides = PodOverrides {
        node_selector: plan.spec.processors.pod.node_selector.clone(),
        tolerations: plan.spec.processors.pod.tolerations.clone(),
        priority_class_name: plan.spec.processors.pod.priority_class_name.clone(),
        ..PodOverrides::default()
    };
    Job {
        metadata: metadata::owned(plan, Component::Migration, name(plan)),
        spec: Some(JobSpec {
            backoff_limit: Some(6),
            active_deadline_seconds: Some(DEADLINE_SECONDS),
            template: pod::template(
                plan,
                Pod {
                    component: Component::Migration,
                    overrides: &overrides,
                    annotations: BTreeMap::new(),
                    container: Container {
                        name: "migration".to_owned(),
                        image: Some(image),
                        command: Some(vec!["chat-processor".to_owned(), "migrate".to_owned()]),
                        env: Some(environment::migration(plan)),
                        resources: Some(resources::build(None, resources::PROCESSOR)),
                        ..Container::default()
                    },
                    volumes: Vec::new(),
                    termination_grace_period_seconds: 30,
                    user: None,
                    restart_policy: Some("Never"),
                },
            ),
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// The name holds a hash of what decides whether the migration must run again.
#[must_use]
pub fn name(plan: &Plan) -> String {
    let mut hash = Sha256::new();
    hash.update(plan.images.processor.as_bytes());
    hash.update([0]);
    match plan.postgres.external() {
        Some(secret) => {
            hash.update(secret.name.as_bytes());
            hash.update(secret.key.as_bytes());
            // The same Secret may lead to another database one day.
            if let Some(fingerprint) = plan.resolved.referenced.get(&ReferencedSecret::Postgres) {
                hash.update(fingerprint.as_bytes());
            }
        }
        None => hash.update(plan.uid.as_bytes()),
    }
    format!(
        "{}-migrate-{}",
        plan.name,
        hex::encode(&hash.finalize()[..5])
    )
}
