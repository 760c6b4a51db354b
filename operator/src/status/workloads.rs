//! `GatewayReady` and `ProcessorsReady`.

use super::Verdict;
use super::backends::{trouble, workload};
use crate::build::Component;
use crate::children::ClusterChildren;
use crate::crd::ComponentStatus;
use crate::kinds::Kind;
use crate::validate::Plan;

pub(super) fn verdict(plan: &Plan, live: &ClusterChildren, component: Component) -> Verdict {
    let Some(workload) = workload(plan, live, Kind::Deployment, component) else {
        return Verdict::no(
            "WaitingForMigration",
            "They are started when the migration is done",
        );
    };
    if let Some(trouble) = trouble(live, component).filter(|_| workload.ready < workload.replicas) {
        let message = format!(
            "{} of {} ready; {trouble}",
            workload.ready, workload.replicas
        );
        return match workload.stuck {
            true => Verdict::stalled("PodsFailing", message),
            false => Verdict::no("PodsFailing", message),
        };
    }
    let counts = format!(
        "{} of {} ready",
        workload.ready.min(workload.replicas),
        workload.replicas
    );
    if workload.stuck {
        return Verdict::stalled("ProgressDeadlineExceeded", counts);
    }
    // More pods than wanted, all of the present revision, are on their way out after a scale-in.
    let rolled_out = workload.observed
        && workload.updated >= workload.replicas
        && workload.total == workload.updated
        && workload.ready >= workload.replicas;
    match rolled_out {
        true => Verdict::yes("Available", counts),
        false if workload.ready >= workload.replicas => Verdict::no(
            "RollingOut",
            format!("{counts}, {} of the present revision", workload.updated),
        ),
        false => Verdict::no("NotEnoughReady", counts),
    }
}

pub(super) fn status(plan: &Plan, live: &ClusterChildren, component: Component) -> ComponentStatus {
    let (fixed, image) = match component {
        Component::Processor => (plan.processor_scaling.fixed(), &plan.images.processor),
        _ => (plan.gateway_scaling.fixed(), &plan.images.gateway),
    };
    let workload = workload(plan, live, Kind::Deployment, component)
        .cloned()
        .unwrap_or_default();
    let replicas = fixed.unwrap_or(workload.replicas);
    ComponentStatus {
        replicas,
        ready_replicas: workload.ready,
        updated_replicas: workload.updated,
        summary: format!("{}/{replicas}", workload.ready),
        image: Some(image.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::children::facts::Workload;
    use crate::status::backends::tests::{live, plan};

    fn ready() -> Workload {
        Workload {
            replicas: 2,
            ready: 2,
            updated: 2,
            total: 2,
            observed: true,
            ..Workload::default()
        }
    }

    #[test]
    fn every_row_of_the_truth_table_has_its_reason() {
        let rows = [
            (None, None, "WaitingForMigration", false, false),
            (Some(ready()), None, "Available", true, false),
            (
                Some(Workload {
                    observed: false,
                    ..ready()
                }),
                None,
                "RollingOut",
                false,
                false,
            ),
            (
                Some(Workload {
                    updated: 1,
                    total: 3,
                    ..ready()
                }),
                None,
                "RollingOut",
                false,
                false,
            ),
            (
                Some(Workload {
                    ready: 1,
                    ..ready()
                }),
                None,
                "NotEnoughReady",
                false,
                false,
            ),
            (
                Some(Workload {
                    ready: 1,
                    ..ready()
                }),
                Some("ImagePullBackOff"),
                "PodsFailing",
                false,
                false,
            ),
            (
                Some(Workload {
                    ready: 1,
                    stuck: true,
                    ..ready()
                }),
                Some("CrashLoopBackOff"),
                "PodsFailing",
                false,
                true,
            ),
            (
                Some(Workload {
                    stuck: true,
                    ..ready()
                }),
                None,
                "ProgressDeadlineExceeded",
                false,
                true,
            ),
            (
                Some(Workload {
                    ready: 4,
                    updated: 4,
                    total: 4,
                    ..ready()
                }),
                None,
                "Available",
                true,
                false,
            ),
            // A pod of an old revision in trouble does not matter while enough are ready.
            (
                Some(ready()),
                Some("CrashLoopBackOff"),
                "Available",
                true,
                false,
            ),
        ];
        for (workload, trouble, reason, holds, stalled) in rows {
            let live = live(
                Kind::Deployment,
                "demo-gateway",
                "gateway",
                workload.clone(),
                trouble,
            );
            let verdict = verdict(&plan("{}"), &live, Component::Gateway);
            assert_eq!(
                (verdict.reason, verdict.holds(), verdict.stalled),
                (reason, holds, stalled),
                "{workload:?} {trouble:?}"
            );
        }
    }
}
