//! `MigrationsComplete`.

use super::Verdict;
use super::backends::trouble;
use crate::build::{Component, migration_name};
use crate::children::facts::JobState;
use crate::children::{ChildKey, ClusterChildren, Facts};
use crate::kinds::Kind;
use crate::validate::Plan;

/// Whether gateways and processors of the present image may run.
#[must_use]
pub fn is_complete(plan: &Plan, live: &ClusterChildren) -> bool {
    verdict(plan, live).holds()
}

pub(super) fn verdict(plan: &Plan, live: &ClusterChildren) -> Verdict {
    let child = live.get(&ChildKey::new(Kind::Job, &migration_name(plan)));
    match child.map(|child| &child.facts) {
        None => Verdict::no(
            "WaitingForDatabase",
            "It is started when the database answers",
        ),
        Some(Facts::Job(JobState::Complete)) => {
            Verdict::yes("Complete", "The schema is that of the present image")
        }
        Some(Facts::Job(JobState::Failed { message, .. })) => Verdict::stalled(
            "MigrationFailed",
            format!(
                "{message}; it is tried again after a minute, and its pod's log says what is wrong"
            ),
        ),
        Some(_) => match trouble(live, Component::Migration) {
            Some(trouble) => Verdict::no("PodsFailing", trouble),
            None => Verdict::no("Running", "The migration is running"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::backends::tests::{live, plan};

    #[test]
    fn every_row_of_the_truth_table_has_its_reason() {
        let failed = JobState::Failed {
            message: "backoff".into(),
            since: "".into(),
        };
        let rows = [
            (None, None, "WaitingForDatabase", false),
            (Some(JobState::Running), None, "Running", false),
            (
                Some(JobState::Running),
                Some("ErrImagePull"),
                "PodsFailing",
                false,
            ),
            (Some(failed), None, "MigrationFailed", false),
            (Some(JobState::Complete), None, "Complete", true),
        ];
        let plan = plan("{}");
        let name = migration_name(&plan);
        for (state, trouble, reason, holds) in rows {
            let mut live = live(
                Kind::Job,
                &name,
                "migration",
                state.as_ref().map(|_| Default::default()),
                trouble,
            );
            if let Some(state) = &state {
                live.get_mut(&ChildKey::new(Kind::Job, &name))
                    .unwrap()
                    .facts = Facts::Job(state.clone());
            }
            let verdict = verdict(&plan, &live);
            assert_eq!(
                (verdict.reason, verdict.holds()),
                (reason, holds),
                "{state:?}"
            );
        }
    }
}
