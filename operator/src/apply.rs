//! Brings about what is wanted: server-side apply of what differs, removal of what is no longer wanted.
//!
//! Nothing is written that is already so: every object is first compared with the record of the live one. Every write
//! asks first whether this operator still leads.

mod objects;
mod scale;
mod volumes;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt, stream};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::{Api, Client};
use serde_json::value::RawValue;

pub use objects::{Object, Objects};

use crate::build::Desired;
use crate::children::{ChildKey, Children, ClusterChildren, ClusterKey, Facts, LiveObject};
use crate::kinds::Kind;
use crate::leader::Leadership;
use crate::managed_fields::FIELD_MANAGER;
use crate::metrics::{Metrics, Verb};
use crate::validate::Plan;

/// Writes under way at the same time for one ChatCluster.
const CONCURRENT_WRITES: usize = 4;

/// Writes objects.
#[derive(Clone)]
pub struct Applier {
    /// The API server.
    pub client: Client,
    /// Whether writing is allowed.
    pub leadership: Leadership,
    /// The records of live objects.
    pub children: Arc<Children>,
    /// Counts writes.
    pub metrics: Metrics,
}

/// How far the rollout may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gates {
    /// The database answers, so the migration can run.
    pub migration: bool,
    /// The migration is done, so gateways and processors can run.
    pub rollout: bool,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Made.
    pub created: Vec<String>,
    /// Changed, because the spec changed.
    pub updated: Vec<String>,
    /// Changed back, because somebody else had changed it.
    pub corrected: Vec<String>,
    /// Removed.
    pub deleted: Vec<String>,
}

impl Changes {
    /// Adds what was written after these.
    pub fn extend(&mut self, later: Self) {
        let Self {
            created,
            updated,
            corrected,
            deleted,
        } = later;
        self.created.extend(created);
        self.updated.extend(updated);
        self.corrected.extend(corrected);
        self.deleted.extend(deleted);
    }
}

/// Why something could not be brought about.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Another operator may lead by now.
    #[error("this operator no longer leads")]
    NotLeading,
    /// An object could not be written as JSON.
    #[error("{kind} can't be encoded")]
    Encode {
        /// Its kind.
        kind: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The API server refused.
    #[error("{verb} {kind} {name}: {source}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// Kind of the object.
        kind: &'static str,
        /// Name of the object.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

impl Applier {
    /// Applies what differs and removes what is no longer wanted. One object that is refused does not keep the others of
    /// its step from being applied; the first refusal is returned.
    ///
    /// # Errors
    /// [`ApplyError`], after which the rest is to be tried again.
    pub async fn apply(
        &self,
        plan: &Plan,
        desired: Desired,
        live: &ClusterChildren,
        gates: Gates,
    ) -> Result<Changes, ApplyError> {
        let objects = Objects::of(desired)?;
        let mut changes = Changes::default();
        self.apply_step(plan, &objects.settings, live, &mut changes)
            .await?;
        volumes::grow(self, plan, live).await?;
        self.apply_step(plan, &objects.backends, live, &mut changes)
            .await?;
        if gates.migration {
            self.apply_step(plan, &objects.migration, live, &mut changes)
                .await?;
        }
        if gates.rollout {
            self.apply_step(plan, &objects.rollout, live, &mut changes)
                .await?;
        }
        self.prune(plan, &objects, live, &mut changes).await?;
        Ok(changes)
    }

    async fn apply_step(
        &self,
        plan: &Plan,
        objects: &[Object],
        live: &ClusterChildren,
        changes: &mut Changes,
    ) -> Result<(), ApplyError> {
        let writes: Vec<_> = objects
            .iter()
            .map(|object| self.apply_one(plan, object, live))
            .collect();
        let results: Vec<_> = stream::iter(writes)
            .buffered(CONCURRENT_WRITES)
            .collect()
            .await;
        let mut first_error = None;
        for result in results {
            match result {
                Ok(None) => {}
                Ok(Some(Change::Created(name))) => changes.created.push(name),
                Ok(Some(Change::Updated(name))) => changes.updated.push(name),
                Ok(Some(Change::Corrected(name))) => changes.corrected.push(name),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    async fn apply_one(
        &self,
        plan: &Plan,
        object: &Object,
        live: &ClusterChildren,
    ) -> Result<Option<Change>, ApplyError> {
        let child = live.get(&object.key);
        let cluster = ClusterKey {
            namespace: plan.namespace.clone(),
            name: plan.name.clone(),
        };
        let change = match child {
            Some(child) if child.is(object.wanted) => {
                self.children.confirm(&cluster, &object.key, object.wanted);
                return Ok(None);
            }
            // A Job can't be changed. Its name says what it is for, so one that is there is the right one.
            Some(_) if object.key.kind == Kind::Job => return Ok(None),
            Some(child) if child.has_been(object.wanted) => Change::Corrected(object.to_string()),
            Some(_) => Change::Updated(object.to_string()),
            None => Change::Created(object.to_string()),
        };
        scale::hand_over(self, plan, object, child).await?;
        match self.patch(plan, object).await {
            Err(ApplyError::Api { source, .. })
                if object.key.kind == Kind::StatefulSet && is_immutable(&source) =>
            {
                // The volume's size is part of what can't be changed. The pods and volumes stay, and the StatefulSet that
                // is made anew at the next try adopts them.
                self.delete(
                    plan,
                    &object.key,
                    child.map(|child| &*child.uid),
                    PropagationPolicy::Orphan,
                )
                .await?;
                Ok(Some(change))
            }
            // What somebody else has put into a list can exclude what belongs there, such as a second port of the same name.
            // An apply never removes what is another's, so our lists are put in their place first.
            Err(ApplyError::Api { source, .. }) if child.is_some() && is_invalid(&source) => {
                self.replace_lists(plan, object).await?;
                self.patch(plan, object).await?;
                Ok(Some(change))
            }
            Err(error) => Err(error),
            Ok(()) => {
                if child.is_none() {
                    scale::start(self, plan, object).await?;
                }
                Ok(Some(change))
            }
        }
    }

    async fn replace_lists(&self, plan: &Plan, object: &Object) -> Result<(), ApplyError> {
        self.must_lead()?;
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        self.metrics.wrote(Verb::patch);
        self.api(plan, object.key.kind)
            .patch(&object.key.name, &params, &Patch::Merge(text(object)?))
            .await
            .map(drop)
            .map_err(|source| api_error("restore", &object.key, source))
    }

    async fn patch(&self, plan: &Plan, object: &Object) -> Result<(), ApplyError> {
        self.must_lead()?;
        let key = &object.key;
        tracing::debug!(
            namespace = plan.namespace,
            cluster = plan.name,
            object = %object,
            "Applying."
        );
        // Our own types know no other fields than the API server's: it need not parse everything twice to look for some.
        let params = PatchParams::apply(FIELD_MANAGER)
            .force()
            .validation_ignore();
        self.metrics.wrote(Verb::apply);
        let stored = self
            .api(plan, key.kind)
            .patch(&key.name, &params, &Patch::Apply(text(object)?))
            .await
            .map_err(|source| api_error("apply", key, source))?;
        self.children
            .settle(key.kind, object.wanted, &stored.read());
        Ok(())
    }

    async fn prune(
        &self,
        plan: &Plan,
        objects: &Objects,
        live: &ClusterChildren,
        changes: &mut Changes,
    ) -> Result<(), ApplyError> {
        let wanted: BTreeSet<&ChildKey> = objects.iter().map(|object| &object.key).collect();
        for (key, child) in live {
            // Only what we applied is ours to remove: a label alone can be copied.
            let ours = key.kind.is_applied() && child.ours.is_some();
            if ours && !child.deleting && !wanted.contains(key) {
                self.delete(plan, key, Some(&child.uid), PropagationPolicy::Background)
                    .await?;
                changes
                    .deleted
                    .push(format!("{} {}", key.kind.as_str(), key.name));
            }
        }
        Ok(())
    }

    /// Removes a Job that failed for good, so that the next reconciliation makes it anew.
    ///
    /// # Errors
    /// [`ApplyError`] when the API server refuses.
    pub async fn remove_failed_job(
        &self,
        plan: &Plan,
        live: &ClusterChildren,
    ) -> Result<(), ApplyError> {
        for (key, child) in live {
            if matches!(
                &child.facts,
                Facts::Job(crate::children::facts::JobState::Failed { .. })
            ) && !child.deleting
            {
                self.delete(plan, key, Some(&child.uid), PropagationPolicy::Background)
                    .await?;
            }
        }
        Ok(())
    }

    async fn delete(
        &self,
        plan: &Plan,
        key: &ChildKey,
        uid: Option<&str>,
        propagation: PropagationPolicy,
    ) -> Result<(), ApplyError> {
        self.must_lead()?;
        let params = DeleteParams {
            propagation_policy: Some(propagation),
            // Never an object that has taken the name since.
            preconditions: uid.map(|uid| Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        self.metrics.wrote(Verb::delete);
        match self.api(plan, key.kind).delete(&key.name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(source) => Err(api_error("delete", key, source)),
        }
    }

    fn api(&self, plan: &Plan, kind: Kind) -> Api<LiveObject> {
        Api::namespaced_with(self.client.clone(), &plan.namespace, &kind.resource())
    }

    fn must_lead(&self) -> Result<(), ApplyError> {
        if self.leadership.is_current() {
            Ok(())
        } else {
            Err(ApplyError::NotLeading)
        }
    }
}

/// An object's text as it is sent.
fn text(object: &Object) -> Result<&RawValue, ApplyError> {
    serde_json::from_str(&object.body).map_err(|source| ApplyError::Encode {
        kind: object.key.kind.as_str(),
        source,
    })
}

enum Change {
    Created(String),
    Updated(String),
    Corrected(String),
}

fn is_invalid(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 422)
}

fn is_immutable(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 422 && status.message.contains("Forbidden: updates to statefulset spec"))
}

fn api_error(verb: &'static str, key: &ChildKey, source: kube::Error) -> ApplyError {
    ApplyError::Api {
        verb,
        kind: key.kind.as_str(),
        name: key.name.to_string(),
        source: Box::new(source),
    }
}
