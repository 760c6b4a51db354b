//! The status, computed from the plan and the records of the live objects. Pure but for the clock, which is passed in.
//!
//! One file a condition; [`Verdict`] is what each of them returns.

mod autoscaling;
mod backends;
mod migration;
mod ready;
mod verdict;
mod workloads;

pub use autoscaling::notices as scaling_notices;
pub use backends::database_answers;
pub use migration::is_complete as migration_is_complete;
pub use verdict::Verdict;

use crate::build::Component;
use crate::children::ClusterChildren;
use crate::crd::{ChatClusterStatus, Condition, ConditionStatus, ConditionType, MigrationStatus};
use crate::display::Shown;
use crate::events::Notice;
use crate::validate::Plan;

/// What is wrong before anything could be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// In one word.
    pub reason: &'static str,
    /// In a sentence.
    pub message: String,
    /// Whether the spec breaks a rule.
    pub invalid_spec: bool,
}

/// The status of a ChatCluster that has been reconciled.
#[must_use]
pub fn of(
    plan: &Plan,
    live: &ClusterChildren,
    shown: Option<&Shown>,
    failure: Option<&str>,
    previous: &ChatClusterStatus,
    generation: Option<i64>,
    now: &str,
) -> ChatClusterStatus {
    let postgres = backends::postgres(plan, live);
    let rabbitmq = backends::rabbitmq(plan, live);
    let redis = backends::redis(plan, live);
    let migration = migration::verdict(plan, live);
    let gateway = workloads::verdict(plan, live, Component::Gateway);
    let processors = workloads::verdict(plan, live, Component::Processor);
    let parts = [
        (ConditionType::PostgresReady, postgres),
        (ConditionType::RabbitMqReady, rabbitmq),
        (ConditionType::RedisReady, redis),
        (ConditionType::MigrationsComplete, migration),
        (ConditionType::GatewayReady, gateway),
        (ConditionType::ProcessorsReady, processors),
    ];
    let mut verdicts = vec![(
        ConditionType::SpecValid,
        Verdict::yes("Valid", "The spec keeps all rules"),
    )];
    verdicts.extend(ready::summary(&parts, failure));
    verdicts.extend(parts);
    verdicts.extend(
        autoscaling::verdict(plan, live, shown)
            .map(|verdict| (ConditionType::AutoscalingActive, verdict)),
    );
    ChatClusterStatus {
        observed_generation: generation,
        conditions: conditions(verdicts, previous, generation, now),
        url: Some(url(plan)),
        gateway: Some(workloads::status(plan, live, Component::Gateway)),
        processors: Some(workloads::status(plan, live, Component::Processor)),
        rabbitmq: Some(backends::status(plan, live, Component::RabbitMq)),
        postgres: Some(backends::status(plan, live, Component::Postgres)),
        redis: Some(backends::status(plan, live, Component::Redis)),
        migration: Some(MigrationStatus {
            job: crate::build::migration_name(plan),
            image: plan.images.processor.clone(),
        }),
        queues: shown.and_then(|shown| shown.queues.clone()),
    }
}

/// The status of a ChatCluster that can't be reconciled: what ran goes on and is still reported.
#[must_use]
pub fn of_obstacle(
    obstacle: &Obstacle,
    previous: &ChatClusterStatus,
    generation: Option<i64>,
    now: &str,
) -> ChatClusterStatus {
    let not_ready = Verdict::no(obstacle.reason, obstacle.message.clone());
    let spec_valid = match obstacle.invalid_spec {
        true => not_ready.clone(),
        false => Verdict::yes("Valid", "The spec keeps all rules"),
    };
    let verdicts = vec![
        (ConditionType::SpecValid, spec_valid),
        (ConditionType::Ready, not_ready),
        (
            ConditionType::Reconciling,
            Verdict::no("Blocked", "Nothing is changed until the obstacle is gone"),
        ),
        (
            ConditionType::Stalled,
            Verdict::yes(obstacle.reason, obstacle.message.clone()),
        ),
    ];
    let mut conditions = conditions(verdicts, previous, generation, now);
    let kept: Vec<_> = previous
        .conditions
        .iter()
        .filter(|old| conditions.iter().all(|new| new.type_ != old.type_))
        .cloned()
        .collect();
    conditions.extend(kept);
    ChatClusterStatus {
        observed_generation: generation,
        conditions,
        ..previous.clone()
    }
}

/// The status of a ChatCluster that is paused: everything as it was, and that it is paused.
#[must_use]
pub fn of_paused(
    previous: &ChatClusterStatus,
    generation: Option<i64>,
    now: &str,
) -> ChatClusterStatus {
    let paused = Verdict::no("Paused", "spec.paused is true; set it to false to go on");
    let mut status = previous.clone();
    status.observed_generation = generation;
    let fresh = conditions(
        vec![(ConditionType::Reconciling, paused)],
        previous,
        generation,
        now,
    );
    status
        .conditions
        .retain(|old| fresh.iter().all(|new| new.type_ != old.type_));
    status.conditions.extend(fresh);
    status
}

/// Whether a status tells no more than how far a ChatCluster is that was not ready and is not yet.
#[must_use]
pub fn is_step(previous: &ChatClusterStatus, present: &ChatClusterStatus) -> bool {
    let holds = |status: &ChatClusterStatus, type_: ConditionType| {
        status.conditions.iter().any(|condition| {
            condition.type_ == type_.as_str() && condition.status == ConditionStatus::True
        })
    };
    [previous, present].into_iter().all(|status| {
        !holds(status, ConditionType::Ready) && !holds(status, ConditionType::Stalled)
    })
}

/// What is worth an event when one status follows another: every condition whose status or reason has changed.
#[must_use]
pub fn notices(previous: &ChatClusterStatus, present: &ChatClusterStatus) -> Vec<Notice> {
    present
        .conditions
        .iter()
        .filter_map(|new| {
            let old = previous
                .conditions
                .iter()
                .find(|old| old.type_ == new.type_);
            let changed =
                old.is_none_or(|old| old.status != new.status || old.reason != new.reason);
            verdict::notice(new, old).filter(|_| changed)
        })
        .collect()
}

/// The time of a transition is kept while the status stays the same.
fn conditions(
    verdicts: Vec<(ConditionType, Verdict)>,
    previous: &ChatClusterStatus,
    generation: Option<i64>,
    now: &str,
) -> Vec<Condition> {
    verdicts
        .into_iter()
        .map(|(type_, verdict)| {
            let type_ = type_.as_str();
            let since = previous
                .conditions
                .iter()
                .find(|old| old.type_ == type_ && old.status == verdict.status)
                .map_or_else(|| now.to_owned(), |old| old.last_transition_time.clone());
            Condition {
                type_: type_.to_owned(),
                status: verdict.status,
                reason: verdict.reason.to_owned(),
                message: verdict.message,
                last_transition_time: since,
                observed_generation: generation,
            }
        })
        .collect()
}

fn url(plan: &Plan) -> String {
    match &plan.spec.gateway.ingress {
        Some(ingress) => {
            let scheme = if ingress.tls_secret_name.is_some() {
                "https"
            } else {
                "http"
            };
            format!("{scheme}://{}", ingress.host)
        }
        None => {
            let host = format!("{}.{}.svc", plan.child("gateway"), plan.namespace);
            match plan.spec.gateway.service.port {
                80 => format!("http://{host}"),
                port => format!("http://{host}:{port}"),
            }
        }
    }
}
