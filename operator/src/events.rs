//! Events: what `kubectl describe` tells. They are said when something changes, never once a reconciliation.
//!
//! The same thing said again within some minutes is counted on the event that is there. What is kept for that is a hash
//! and a name; kube's own recorder keeps whole events, which for a thousand ChatClusters is most of the operator's memory.
//!
//! Events are stored behind the work: no reconciliation waits for one, and when there are more than can be stored, some are
//! dropped.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::crd::ChatCluster;
use crate::metrics::{Metrics, Verb};

/// Who says it.
const CONTROLLER: &str = "chatcluster-operator";
/// Longest note that the API server takes, with room for the sign that it was cut.
const MAX_NOTE: usize = 1000;
/// How long the same thing said again is counted on the same event.
const SERIES: Duration = Duration::from_secs(360);
/// Most events that are remembered.
const MOST_REMEMBERED: usize = 4000;

/// Events that wait to be stored.
const MOST_WAITING: usize = 1000;
/// Events stored at the same time: few, for what they tell of shares the API server with them.
const CONCURRENT_WRITES: usize = 2;
/// How long events that wait may take when the operator ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Publishes events about ChatClusters.
#[derive(Clone)]
pub struct Events {
    identity: String,
    waiting: mpsc::Sender<Waiting>,
}

/// An event that is to be stored.
struct Waiting {
    key: u64,
    event: Event,
}

/// Stores events.
struct Recorder {
    client: Client,
    metrics: Metrics,
    said: Mutex<HashMap<u64, Said>>,
}

/// An event that was said.
#[derive(Debug, Clone)]
struct Said {
    name: Box<str>,
    count: i32,
    last: Instant,
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
    /// A publisher with the name of this process, and what stores the events until `stop`.
    pub fn new(
        client: Client,
        identity: String,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()>) {
        let (waiting, events) = mpsc::channel(MOST_WAITING);
        let recorder = Recorder {
            client,
            metrics,
            said: Mutex::default(),
        };
        (Self { identity, waiting }, recorder.run(events, stop))
    }

    /// Has a notice published. An event that can't be stored is logged and dropped: it must never hold up the work.
    pub fn publish(&self, cluster: &ChatCluster, notice: &Notice) {
        let waiting = Waiting {
            key: key(cluster, notice),
            event: self.event(cluster, notice),
        };
        if self.waiting.try_send(waiting).is_err() {
            tracing::debug!(reason = notice.reason, "There are too many events.");
        }
    }

    fn event(&self, cluster: &ChatCluster, notice: &Notice) -> Event {
        let now = Timestamp::now();
        let name = cluster.metadata.name.clone().unwrap_or_default();
        Event {
            metadata: ObjectMeta {
                namespace: cluster.metadata.namespace.clone(),
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                ..ObjectMeta::default()
            },
            action: Some("Reconcile".to_owned()),
            reason: Some(notice.reason.to_owned()),
            note: Some(cut(&notice.note, MAX_NOTE)),
            type_: Some(if notice.warning { "Warning" } else { "Normal" }.to_owned()),
            event_time: Some(MicroTime(now)),
            regarding: Some(cluster.object_ref(&())),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.identity.clone()),
            ..Event::default()
        }
    }
}

impl Recorder {
    async fn run(self, mut events: mpsc::Receiver<Waiting>, stop: CancellationToken) {
        let stream = futures::stream::poll_fn(|context| events.poll_recv(context));
        let storing = stream
            .take_until(stop.cancelled())
            .for_each_concurrent(CONCURRENT_WRITES, |waiting| self.store(waiting));
        storing.await;
        events.close();
        let rest = async {
            while let Some(waiting) = events.recv().await {
                self.store(waiting).await;
            }
        };
        // What is left after that is dropped, as a notice too many is.
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
    }

    async fn store(&self, Waiting { key, event }: Waiting) {
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let api = Api::<Event>::namespaced(self.client.clone(), &namespace);
        self.metrics.wrote(Verb::event);
        let stored = match self.said_again(key) {
            Some(said) => {
                let series = json!({"series": {"count": said.count, "lastObservedTime": MicroTime(Timestamp::now())}});
                api.patch(&said.name, &PatchParams::default(), &Patch::Merge(series))
                    .await
            }
            None => {
                let created = api.create(&PostParams::default(), &event).await;
                if created.is_ok() {
                    self.remember(key, event.metadata.name.clone().unwrap_or_default());
                }
                created
            }
        };
        if let Err(error) = stored {
            tracing::debug!(%error, reason = event.reason, "An event could not be stored.");
        }
    }

    fn said_again(&self, key: u64) -> Option<Said> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let known = said
            .get_mut(&key)
            .filter(|known| now - known.last < SERIES)?;
        known.count += 1;
        known.last = now;
        Some(known.clone())
    }

    fn remember(&self, key: u64, name: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if said.len() >= MOST_REMEMBERED {
            said.retain(|_, known| now - known.last < SERIES);
        }
        if said.len() < MOST_REMEMBERED {
            let name = name.into_boxed_str();
            said.insert(
                key,
                Said {
                    name,
                    count: 1,
                    last: now,
                },
            );
        }
    }
}

fn key(cluster: &ChatCluster, notice: &Notice) -> u64 {
    let mut hasher = DefaultHasher::new();
    (
        &cluster.metadata.uid,
        notice.warning,
        notice.reason,
        &notice.note,
    )
        .hash(&mut hasher);
    hasher.finish()
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
    use super::*;

    #[test]
    fn a_long_note_is_cut_between_characters_to_what_the_server_takes() {
        assert_eq!(cut("short", 128), "short");
        let note = cut(&"ä".repeat(600), 1000);
        assert!(note.len() <= 1000 && note.ends_with('…'));
    }

    #[test]
    fn the_same_thing_is_the_same_event_and_another_note_is_another() {
        let cluster = ChatCluster::new("demo", Default::default());
        let told = |note: &str| key(&cluster, &Notice::normal("Scaled", note));
        assert_eq!(told("a"), told("a"));
        assert_ne!(told("a"), told("b"));
    }
}
