//! What a condition says before it has a time.

use crate::crd::{Condition, ConditionStatus, ConditionType};
use crate::events::Notice;

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
        return told("AutoscalingActive", "AutoscalingInactive");
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
