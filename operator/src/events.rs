//! Events: what `kubectl describe` tells. They are said when something changes, never once a reconciliation.

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

use crate::crd::ChatCluster;
use crate::metrics::{Metrics, Verb};

/// Longest note that the API server takes, with room for the sign that it was cut.
const MAX_NOTE: usize = 1000;
/// Longest action that the API server takes.
const MAX_ACTION: usize = 128;

/// Publishes events about ChatClusters.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    metrics: Metrics,
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whether someone should look.
    pub warning: bool,
    /// In one word.
    pub reason: &'static str,
    /// In a sentence.
    pub note: String,
}

impl Notice {
    /// All is well.
    #[must_use]
    pub fn normal(reason: &'static str, note: impl Into<String>) -> Self {
        Self {
            warning: false,
            reason,
            note: note.into(),
        }
    }

    /// Someone should look.
    #[must_use]
    pub fn warning(reason: &'static str, note: impl Into<String>) -> Self {
        Self {
            warning: true,
            reason,
            note: note.into(),
        }
    }
}

impl Events {
    /// A publisher with the name of this process.
    #[must_use]
    pub fn new(client: Client, identity: String, metrics: Metrics) -> Self {
        let reporter = Reporter {
            controller: "chatcluster-operator".to_owned(),
            instance: Some(identity),
        };
        Self {
            recorder: Recorder::new(client, reporter),
            metrics,
        }
    }

    /// Publishes a notice. An event that can't be stored is logged and dropped: it must never hold up the work.
    pub async fn publish(&self, cluster: &ChatCluster, notice: Notice) {
        let note = cut(&notice.note, MAX_NOTE);
        let event = Event {
            type_: if notice.warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: notice.reason.to_owned(),
            // Events are counted together by all fields but the note; the action makes different notes different events.
            action: cut(&note, MAX_ACTION),
            note: Some(note),
            secondary: None,
        };
        self.metrics.wrote(Verb::event);
        if let Err(error) = self
            .recorder
            .publish(&event, &cluster.object_ref(&()))
            .await
        {
            tracing::debug!(%error, reason = notice.reason, "An event could not be stored.");
        }
    }
}

fn cut(text: &str, length: usize) -> String {
    if text.len() <= length {
        return text.to_owned();
    }
    let end = (0..=length - 3)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_long_note_is_cut_between_characters_to_what_the_server_takes() {
        assert_eq!(cut("short", 128), "short");
        let note = cut(&"ä".repeat(600), 1000);
        assert!(note.len() <= 1000 && note.ends_with('…'));
    }
}
