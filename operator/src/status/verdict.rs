//! What a condition says before it has a time.

use crate::crd::{Condition, ConditionStatus, ConditionType};
use crate::events::Notice;

/// The reason of an autoscaling that goes on with values from before a failure.
pub(super) const HOLDING_LAST_VALUES: &str = "HoldingLastValues";

/// What a condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in a sentence.
    pub message: String,
    /// Whether it will not change by waiting.
    pub stalled: bool,
}

impl Verdict {
    /// It holds.
    #[must_use]
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::True,
            reason,
            message: message.into(),
            stalled: false,
        }
    }

    /// It does not hold, or not yet.
    #[must_use]
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::False,
            reason,
            message: message.into(),
            stalled: false,
        }
    }

    /// It does not hold, and waiting will not help.
    #[must_use]
    pub fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            stalled: true,
            ..Self::no(reason, message)
        }
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.status == ConditionStatus::True
    }
}

/// Conditions whose changes are told as events, with the word to tell them by. `Ready` and its parts are told when they
/// come and go; a condition that merely repeats another is not.
pub(super) fn notice(new: &Condition, old: Option<&Condition>) -> Option<Notice> {
    const BACKENDS: [ConditionType; 3] = [
        ConditionType::PostgresReady,
        ConditionType::RabbitMqReady,
        ConditionType::RedisReady,
    ];
    let is = |type_: ConditionType| new.type_ == type_.as_str();
    let holds = new.status == ConditionStatus::True;
    let held = old.is_some_and(|old| old.status == ConditionStatus::True);
    let told = |good: &'static str, bad: &'static str| match (holds, held) {
        (true, false) => Some(Notice::normal(good, new.message.clone())),
        (false, true) => Some(Notice::warning(bad, new.message.clone())),
        _ => None,
    };
    if is(ConditionType::Ready) {
        // A change that somebody asked for takes its time, and is no reason to warn.
        let asked_for = old.is_some_and(|old| old.observed_generation != new.observed_generation);
        return match told("Ready", "NotReady") {
            Some(notice) if notice.warning && asked_for => {
                Some(Notice::normal("Progressing", notice.note))
            }
            notice => notice,
        };
    }
    if is(ConditionType::Stalled) {
        return match holds {
            true => Some(Notice::warning("Stalled", new.message.clone())),
            false if held => Some(Notice::normal("Resumed", "What stood in the way is gone")),
            false => None,
        };
    }
    if is(ConditionType::AutoscalingActive) {
        let holding = |condition: &Condition| condition.reason == HOLDING_LAST_VALUES;
        return match (holding(new), old.is_some_and(holding)) {
            (true, false) => Some(Notice::warning("MetricsHeld", new.message.clone())),
            (false, true) if holds => Some(Notice::normal(
                "MetricsRecovered",
                "The queues can be read again",
            )),
            _ => told("AutoscalingActive", "AutoscalingInactive"),
        };
    }
    if is(ConditionType::MigrationsComplete) {
        return told("Migrated", "Migrating");
    }
    if BACKENDS.into_iter().any(is) {
        return told("BackendReady", "BackendNotReady").map(|notice| Notice {
            note: format!("{}: {}", new.type_, notice.note),
            ..notice
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn autoscaling(status: ConditionStatus, reason: &str) -> Condition {
        Condition {
            type_: ConditionType::AutoscalingActive.as_str().to_owned(),
            status,
            reason: reason.to_owned(),
            message: "m".to_owned(),
            last_transition_time: String::new(),
            observed_generation: None,
        }
    }

    #[test]
    fn values_that_are_held_and_read_again_are_told_though_the_condition_still_holds() {
        use ConditionStatus::{False, True};
        let rows = [
            (
                (True, "Active"),
                (True, HOLDING_LAST_VALUES),
                Some("MetricsHeld"),
            ),
            (
                (True, HOLDING_LAST_VALUES),
                (True, "Active"),
                Some("MetricsRecovered"),
            ),
            (
                (True, HOLDING_LAST_VALUES),
                (True, HOLDING_LAST_VALUES),
                None,
            ),
            (
                (True, HOLDING_LAST_VALUES),
                (False, "MetricsUnavailable"),
                Some("AutoscalingInactive"),
            ),
            (
                (False, "MetricsUnavailable"),
                (True, "Active"),
                Some("AutoscalingActive"),
            ),
        ];
        for ((before, was), (after, is), told) in rows {
            let notice = notice(&autoscaling(after, is), Some(&autoscaling(before, was)));
            assert_eq!(notice.map(|notice| notice.reason), told, "{was} to {is}");
        }
    }
}
