//! `AutoscalingActive`.

use super::Verdict;
use crate::children::{ClusterChildren, Facts};
use crate::validate::{Plan, Scaling};

/// `None` where nothing is autoscaled.
pub(super) fn verdict(plan: &Plan, live: &ClusterChildren) -> Option<Verdict> {
    let gateway = matches!(plan.gateway_scaling, Scaling::Auto(..));
    let processors = matches!(plan.processor_scaling, Scaling::Auto(..));
    if !gateway && !processors {
        return None;
    }
    let autoscalers = live.iter().filter_map(|(key, child)| match &child.facts {
        Facts::Autoscaler(autoscaler) => Some((key, autoscaler)),
        _ => None,
    });
    let mut seen = 0;
    for (key, autoscaler) in autoscalers {
        match autoscaler.active {
            Some(true) => seen += 1,
            Some(false) => {
                return Some(Verdict::no(
                    "MetricsUnavailable",
                    format!("{}: {}", key.name, autoscaler.message),
                ));
            }
            None => {
                return Some(Verdict::no(
                    "Starting",
                    format!("{} has not read its metric yet", key.name),
                ));
            }
        }
    }
    Some(match seen {
        0 => Verdict::no("Starting", "The autoscalers are being made"),
        _ => Verdict::yes("Active", "Replicas follow their metrics"),
    })
}
