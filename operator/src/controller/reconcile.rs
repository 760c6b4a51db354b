//! One reconciliation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use rand::distr::{Alphanumeric, SampleString};

use super::{Context, ReconcileError, finalize, key_of, report};
use crate::apply::{Changes, Gates};
use crate::build;
use crate::children::facts::JobState;
use crate::children::{ChildKey, ClusterChildren, Facts};
use crate::crd::ChatCluster;
use crate::credentials::{BackendHosts, Credentials};
use crate::events::Notice;
use crate::kinds::Kind;
use crate::resolve::{Resolved, SecretProblem, read_referenced_secrets};
use crate::status::{self, Obstacle};
use crate::validate::{self, Plan};

/// How often Secrets of others are looked at: they carry no label by which they could be watched.
const LOOK_AT_FOREIGN_SECRETS: Duration = Duration::from_secs(60);
/// How long a migration that failed for good is left for people to look at, before it is tried again.
const RETRY_MIGRATION_AFTER: Duration = Duration::from_secs(60);
/// How long after a missing Secret is looked for again.
const RETRY_OBSTACLE: Duration = Duration::from_secs(15);

pub(super) async fn reconcile(
    cluster: &ChatCluster,
    context: &Context,
) -> Result<Action, ReconcileError> {
    context.children.complete().await;
    if cluster.metadata.deletion_timestamp.is_some() {
        return finalize::finalize(cluster, context).await;
    }
    if cluster.spec.paused {
        report::paused(cluster, context).await?;
        return Ok(Action::await_change());
    }
    let key = key_of(cluster);
    let uid = cluster.uid().unwrap_or_default();
    let generation = cluster.metadata.generation.unwrap_or_default();
    let checked = context
        .memory
        .checked(&key, &uid, generation, || validate::check_rules(cluster));
    if let Err(invalid) = checked {
        let obstacle = Obstacle {
            reason: "InvalidSpec",
            message: invalid.to_string(),
            invalid_spec: true,
        };
        let previous = report::previous(cluster, context);
        report::obstacle(cluster, previous, &obstacle, context).await?;
        return Ok(Action::await_change());
    }
    let previous = report::previous(cluster, context);
    finalize::ensure(cluster, context).await?;

    let live = context.children.of(&key);
    let resolved = match resolve(cluster, &live, context).await {
        Ok(resolved) => resolved,
        Err(problem @ SecretProblem::Read { .. }) => return Err(problem.into()),
        Err(problem) => {
            let obstacle = Obstacle {
                reason: "SecretUnusable",
                message: problem.to_string(),
                invalid_spec: false,
            };
            report::obstacle(cluster, previous, &obstacle, context).await?;
            return Ok(Action::requeue(RETRY_OBSTACLE));
        }
    };
    let reads_foreign_secrets = !resolved.referenced.is_empty();
    let plan = validate::plan(cluster, resolved);
    let retry = retry_migration(&plan, &live);
    if retry.is_some_and(|after| after.is_zero()) {
        context.applier.remove_failed_job(&plan, &live).await?;
    }

    let applied = context
        .applier
        .apply(&plan, build::desired(&plan), &live, gates(&plan, &live))
        .await;
    let failure = applied.as_ref().err().map(ToString::to_string);
    // What was just written is in the records already.
    let live = context.children.of(&key);
    let failure = failure.as_deref();
    let wait = report::status(cluster, &plan, &live, previous, failure, context).await?;
    let changes = applied?;
    if wait.is_some() {
        context.memory.tell_later(&key, &uid, changes);
    } else {
        let mut all = context.memory.untold(&key, &uid);
        all.extend(changes);
        tell(cluster, all, context);
    }

    let retry = retry.map(|after| after.max(Duration::from_secs(1)));
    let look = reads_foreign_secrets.then_some(LOOK_AT_FOREIGN_SECRETS);
    let next = [wait, retry, look].into_iter().flatten().min();
    Ok(next.map_or_else(Action::await_change, Action::requeue))
}

async fn resolve(
    cluster: &ChatCluster,
    live: &ClusterChildren,
    context: &Context,
) -> Result<Resolved, SecretProblem> {
    let name = cluster.name_any();
    let namespace = cluster.namespace().unwrap_or_default();
    let uid = cluster.uid().unwrap_or_default();
    let referenced =
        read_referenced_secrets(&context.client, &namespace, &uid, &cluster.spec).await?;
    let nothing = BTreeMap::new();
    let existing = match live.get(&ChildKey::new(
        Kind::Secret,
        &build::credentials_name(&name),
    )) {
        Some(child) if !child.deleting => match &child.facts {
            Facts::Secret(data) => &*data.0,
            _ => &nothing,
        },
        _ => &nothing,
    };
    let (postgres, rabbitmq, redis) = build::backend_hosts(&name);
    let hosts = BackendHosts {
        postgres: &postgres,
        rabbitmq: &rabbitmq,
        redis: &redis,
    };
    Ok(Resolved {
        credentials: Credentials::complete(existing, hosts, |length| {
            Alphanumeric.sample_string(&mut rand::rng(), length)
        }),
        referenced,
        addressed_services: addressed_services(live),
        capabilities: *context.capabilities.borrow(),
        images: context.images.clone(),
        operator_url: context.operator_url.clone(),
    })
}

fn addressed_services(live: &ClusterChildren) -> BTreeSet<Box<str>> {
    live.iter()
        .filter(
            |(_, child)| matches!(&child.facts, Facts::Service(service) if service.has_cluster_ip),
        )
        .map(|(key, _)| key.name.clone())
        .collect()
}

/// The database must answer before the migration runs, and the migration be done before what needs its schema runs.
fn gates(plan: &Plan, live: &ClusterChildren) -> Gates {
    Gates {
        migration: status::database_answers(plan, live),
        rollout: status::migration_is_complete(plan, live),
    }
}

/// How long until a migration that failed for good is tried again.
fn retry_migration(plan: &Plan, live: &ClusterChildren) -> Option<Duration> {
    let job = live.get(&ChildKey::new(Kind::Job, &build::migration_name(plan)))?;
    let Facts::Job(JobState::Failed { since, .. }) = &job.facts else {
        return None;
    };
    let failed_for = since
        .parse::<Timestamp>()
        .ok()
        .and_then(|since| Duration::try_from(Timestamp::now().duration_since(since)).ok())
        .unwrap_or(RETRY_MIGRATION_AFTER);
    Some(RETRY_MIGRATION_AFTER.saturating_sub(failed_for))
}

/// One event for each sort of change, naming the objects.
fn tell(cluster: &ChatCluster, changes: Changes, context: &Context) {
    let Changes {
        created,
        updated,
        corrected,
        deleted,
    } = changes;
    let notices = [
        (created, Notice::normal("Created", "Created ")),
        (updated, Notice::normal("Updated", "Updated ")),
        (
            corrected,
            Notice::warning(
                "DriftCorrected",
                "Somebody had changed what the operator owns; changed back ",
            ),
        ),
        (
            deleted,
            Notice::normal("Deleted", "Removed what is no longer wanted: "),
        ),
    ];
    for (names, notice) in notices {
        if names.is_empty() {
            continue;
        }
        tracing::info!(
            namespace = cluster.namespace(),
            cluster = cluster.name_any(),
            objects = by_kind(&names),
            "{}",
            notice.reason
        );
        let note = format!("{}{}", notice.note, by_kind(&names));
        context.events.publish(cluster, &Notice { note, ..notice });
    }
}

/// Names of objects, each kind said once: a note must not be long.
fn by_kind(names: &[String]) -> String {
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for (kind, name) in names.iter().filter_map(|name| name.split_once(' ')) {
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, objects)) => objects.push(name),
            None => kinds.push((kind, vec![name])),
        }
    }
    kinds
        .iter()
        .map(|(kind, objects)| format!("{kind} {}", objects.join(", ")))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_by_kind() {
        let names = ["Service a", "Job b", "Service c"].map(str::to_owned);
        assert_eq!(by_kind(&names), "Service a, c; Job b");
    }
}
