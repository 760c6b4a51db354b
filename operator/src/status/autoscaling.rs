//! `AutoscalingActive`, and what is told of each scaling decision.

use super::Verdict;
use super::verdict::HOLDING_LAST_VALUES;
use crate::build::Component;
use crate::children::facts::Autoscaler;
use crate::children::{ChildKey, ClusterChildren, Facts};
use crate::crd::{ChatClusterStatus, ComponentStatus};
use crate::display::{Shown, Sight};
use crate::events::Notice;
use crate::kinds::Kind;
use crate::resolve::ExternalMetricsOwner;
use crate::validate::{MetricsSource, Plan, Scaling};

/// `None` where nothing is autoscaled.
pub(super) fn verdict(
    plan: &Plan,
    live: &ClusterChildren,
    shown: Option<&Shown>,
) -> Option<Verdict> {
    let sources = [
        scaled_by(&plan.gateway_scaling).map(|source| (Component::Gateway, source)),
        scaled_by(&plan.processor_scaling).map(|source| (Component::Processor, source)),
    ];
    let scaled: Vec<_> = sources.into_iter().flatten().collect();
    if scaled.is_empty() {
        return None;
    }
    for (_, source) in &scaled {
        if let Some(verdict) = provider_problem(*source, plan) {
            return Some(verdict);
        }
    }
    if let Some(Shown {
        sight: Sight::Blind(failure),
        ..
    }) = shown
    {
        return Some(Verdict::no(
            "MetricsUnavailable",
            format!("The queues can't be read ({failure}); {}", fallback(plan)),
        ));
    }
    for &(component, source) in &scaled {
        match autoscaler(plan, live, component, source) {
            None => return Some(Verdict::no("Starting", "The autoscalers are being made")),
            Some(Autoscaler { active: None, .. }) => {
                return Some(Verdict::no(
                    "Starting",
                    "The autoscalers have not read their metrics yet",
                ));
            }
            Some(Autoscaler {
                active: Some(false),
                message,
                ..
            }) => {
                return Some(Verdict::no(
                    "AutoscalerInactive",
                    format!("{}: {message}", autoscaler_name(plan, component, source)),
                ));
            }
            Some(_) => {}
        }
    }
    Some(match shown.map(|shown| &shown.sight) {
        Some(Sight::Holding(failure)) => Verdict::yes(
            HOLDING_LAST_VALUES,
            format!("The queues can't be read ({failure}); the last good values are used"),
        ),
        _ if scaled
            .iter()
            .any(|&(_, source)| source == MetricsSource::Keda) =>
        {
            Verdict::yes(
                "Active",
                "Replicas follow their metrics, by KEDA, which owns the external metrics API",
            )
        }
        _ => Verdict::yes("Active", "Replicas follow their metrics"),
    })
}

fn scaled_by<A>(scaling: &Scaling<A>) -> Option<MetricsSource> {
    match scaling {
        Scaling::Auto(_, source) => Some(*source),
        Scaling::Fixed(_) => None,
    }
}

/// Only one server can own the external metrics API, and KEDA must be there to be used.
fn provider_problem(source: MetricsSource, plan: &Plan) -> Option<Verdict> {
    let capabilities = &plan.resolved.capabilities;
    match (source, capabilities.external_metrics) {
        (MetricsSource::Keda, _) if !capabilities.keda => Some(Verdict::no(
            "KedaMissing",
            "The provider is KEDA, and the cluster has no ScaledObjects; install KEDA or set provider to BuiltIn",
        )),
        (MetricsSource::BuiltIn, ExternalMetricsOwner::Keda | ExternalMetricsOwner::Other) => {
            Some(Verdict::no(
                "ApiOwnedByAnother",
                "The external metrics API belongs to another server, which is left alone; set provider to Auto, KEDA or Prometheus",
            ))
        }
        _ => None,
    }
}

fn fallback(plan: &Plan) -> String {
    match &plan.processor_scaling {
        Scaling::Auto(autoscaling, _) => match autoscaling.fallback.replicas {
            Some(replicas) => format!("the fallback of {replicas} processors is used"),
            None => "the present number of processors is held".to_owned(),
        },
        Scaling::Fixed(_) => "the processors are fixed".to_owned(),
    }
}

fn autoscaler<'a>(
    plan: &Plan,
    live: &'a ClusterChildren,
    component: Component,
    source: MetricsSource,
) -> Option<&'a Autoscaler> {
    let key = ChildKey::new(
        Kind::HorizontalPodAutoscaler,
        &autoscaler_name(plan, component, source),
    );
    match &live.get(&key)?.facts {
        Facts::Autoscaler(autoscaler) => Some(autoscaler),
        _ => None,
    }
}

/// KEDA makes an autoscaler of each ScaledObject, and gives it the labels of that, by which it is among the records.
fn autoscaler_name(plan: &Plan, component: Component, source: MetricsSource) -> String {
    let name = plan.child(component.as_str());
    match source {
        MetricsSource::Keda => format!("keda-hpa-{name}"),
        MetricsSource::BuiltIn | MetricsSource::Prometheus => name,
    }
}

/// What is told of scaling decisions since the status before: from how many to how many, and why.
#[must_use]
pub fn notices(
    plan: &Plan,
    live: &ClusterChildren,
    previous: &ChatClusterStatus,
    present: &ChatClusterStatus,
) -> Vec<Notice> {
    let changed = |before: &Option<ComponentStatus>, after: &Option<ComponentStatus>| {
        let (before, after) = (before.as_ref()?.replicas, after.as_ref()?.replicas);
        (before != after && before > 0).then_some((before, after))
    };
    let mut notices = Vec::new();
    if let (Scaling::Auto(autoscaling, _), Some((before, after))) = (
        &plan.processor_scaling,
        changed(&previous.processors, &present.processors),
    ) {
        let queues = present.queues.clone().unwrap_or_default();
        notices.push(Notice::normal(
            "ScaledProcessors",
            format!(
                "From {before} to {after} processors: {} jobs waiting or in work (target {} a processor), {} to drain (target {}s){}",
                queues.high + queues.medium,
                autoscaling.target_backlog_per_replica,
                queues.drain,
                autoscaling.target_drain_seconds,
                at_bound(after, autoscaling.min_replicas, autoscaling.max_replicas),
            ),
        ));
    }
    if let (Scaling::Auto(autoscaling, source), Some((before, after))) = (
        &plan.gateway_scaling,
        changed(&previous.gateway, &present.gateway),
    ) {
        let why = autoscaler(plan, live, Component::Gateway, *source)
            .map_or("", |autoscaler| &autoscaler.message);
        notices.push(Notice::normal(
            "ScaledGateways",
            format!(
                "From {before} to {after} gateways (target {} connections a gateway){}: {why}",
                autoscaling.target_connections_per_replica,
                at_bound(after, autoscaling.min_replicas, autoscaling.max_replicas),
            ),
        ));
    }
    notices.extend(shedding(plan, previous, present));
    notices
}

/// Overload is told when it begins and when it ends.
fn shedding(
    plan: &Plan,
    previous: &ChatClusterStatus,
    present: &ChatClusterStatus,
) -> Option<Notice> {
    let sheds =
        |status: &ChatClusterStatus| status.queues.as_ref().is_some_and(|queues| queues.shedding);
    let thresholds = &plan.spec.gateway.shedding;
    let waiting = present.queues.as_ref().map_or(0, |queues| queues.high);
    match (sheds(previous), sheds(present)) {
        (false, true) => Some(Notice::warning(
            "SheddingStarted",
            format!(
                "Gateways drop typing and presence: the high queue is above {}, {waiting} jobs wait or are in work; messages and calls go through",
                thresholds.high_watermark
            ),
        )),
        (true, false) => Some(Notice::normal(
            "SheddingEnded",
            format!(
                "Gateways take typing and presence again: the high queue is below {}",
                thresholds.low_watermark
            ),
        )),
        _ => None,
    }
}

fn at_bound(replicas: i32, min: i32, max: i32) -> &'static str {
    if replicas >= max {
        ", which is the most allowed"
    } else if replicas <= min {
        ", which is the fewest allowed"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Capabilities;
    use crate::status::backends::tests::{live, plan};

    fn with_autoscalers(active: Option<bool>) -> ClusterChildren {
        with_autoscalers_named("", active)
    }

    fn with_autoscalers_named(prefix: &str, active: Option<bool>) -> ClusterChildren {
        let mut all = ClusterChildren::new();
        for component in ["gateway", "processor"] {
            let name = format!("{prefix}demo-{component}");
            let kind = Kind::HorizontalPodAutoscaler;
            let mut one = live(kind, &name, component, Some(Default::default()), None);
            if let Some(child) = one.get_mut(&ChildKey::new(kind, &name)) {
                child.facts = Facts::Autoscaler(Autoscaler {
                    active,
                    message: "m".into(),
                    ..Autoscaler::default()
                });
            }
            all.extend(one);
        }
        all
    }

    fn seeing(sight: Sight) -> Shown {
        Shown {
            queues: None,
            sight,
        }
    }

    #[test]
    fn every_row_of_the_truth_table_has_its_reason() {
        let blind = seeing(Sight::Blind("refused".to_owned()));
        let holding = seeing(Sight::Holding("refused".to_owned()));
        let clear = seeing(Sight::Clear);
        let rows = [
            (ClusterChildren::new(), None, "Starting", false),
            (with_autoscalers(None), Some(&clear), "Starting", false),
            (
                with_autoscalers(Some(false)),
                Some(&clear),
                "AutoscalerInactive",
                false,
            ),
            (with_autoscalers(Some(true)), Some(&clear), "Active", true),
            (
                with_autoscalers(Some(true)),
                Some(&holding),
                "HoldingLastValues",
                true,
            ),
            (
                with_autoscalers(Some(true)),
                Some(&blind),
                "MetricsUnavailable",
                false,
            ),
        ];
        for (live, shown, reason, holds) in rows {
            let verdict = verdict(&plan("{}"), &live, shown).expect("autoscaled");
            assert_eq!(
                (verdict.reason, verdict.holds()),
                (reason, holds),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn what_is_not_autoscaled_has_no_such_condition() {
        let fixed = plan("{gateway: {replicas: 2}, processors: {replicas: 2}}");
        assert_eq!(verdict(&fixed, &ClusterChildren::new(), None), None);
    }

    #[test]
    fn another_owner_of_the_api_is_said() {
        let mut plan = plan("{processors: {autoscaling: {provider: BuiltIn}}}");
        plan.resolved.capabilities = Capabilities {
            external_metrics: ExternalMetricsOwner::Other,
            ..Capabilities::default()
        };
        let verdict = verdict(&plan, &with_autoscalers(Some(true)), None).expect("autoscaled");
        assert_eq!(verdict.reason, "ApiOwnedByAnother");
    }

    #[test]
    fn with_keda_its_own_autoscalers_decide() {
        let mut plan = plan("{}");
        for source in [
            scaling_source(&mut plan.gateway_scaling),
            scaling_source(&mut plan.processor_scaling),
        ] {
            *source.expect("autoscaled") = MetricsSource::Keda;
        }
        plan.resolved.capabilities = Capabilities {
            keda: true,
            external_metrics: ExternalMetricsOwner::Keda,
            ..Capabilities::default()
        };
        let reason = |live| verdict(&plan, &live, None).map(|verdict| verdict.reason);
        assert_eq!(reason(with_autoscalers(Some(true))), Some("Starting"));
        let theirs = |active| reason(with_autoscalers_named("keda-hpa-", Some(active)));
        assert_eq!(theirs(false), Some("AutoscalerInactive"));
        assert_eq!(theirs(true), Some("Active"));
    }

    fn scaling_source<A>(scaling: &mut Scaling<A>) -> Option<&mut MetricsSource> {
        match scaling {
            Scaling::Auto(_, source) => Some(source),
            Scaling::Fixed(_) => None,
        }
    }

    #[test]
    fn shedding_is_told_when_it_begins_and_when_it_ends() {
        let status = |shedding| ChatClusterStatus {
            queues: Some(crate::crd::QueuesStatus {
                shedding,
                ..Default::default()
            }),
            ..ChatClusterStatus::default()
        };
        let told = |before, after| {
            let told = notices(
                &plan("{}"),
                &ClusterChildren::new(),
                &status(before),
                &status(after),
            );
            told.first().map(|notice| notice.reason)
        };
        assert_eq!(told(false, true), Some("SheddingStarted"));
        assert_eq!(told(true, false), Some("SheddingEnded"));
        assert_eq!(told(true, true), None);
    }

    #[test]
    fn a_scaling_decision_is_told_with_its_reason() {
        let status = |replicas| ChatClusterStatus {
            processors: Some(ComponentStatus {
                replicas,
                ..ComponentStatus::default()
            }),
            ..ChatClusterStatus::default()
        };
        let told = notices(&plan("{}"), &ClusterChildren::new(), &status(1), &status(4));
        assert_eq!(told.len(), 1);
        assert!(
            told[0].note.starts_with("From 1 to 4 processors"),
            "{}",
            told[0].note
        );
        assert!(told[0].note.contains("the most allowed"));
        assert!(notices(&plan("{}"), &ClusterChildren::new(), &status(4), &status(4)).is_empty());
    }
}
