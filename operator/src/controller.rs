//! The loop: for each ChatCluster that something happened to, resolve → validate → build → apply → status.

mod finalize;
mod reconcile;
mod report;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, Error as ControllerError, applier};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

use crate::apply::{Applier, ApplyError};
use crate::children::{self, Children, ClusterKey, Scope};
use crate::crd::ChatCluster;
use crate::display::Displays;
use crate::events::Events;
use crate::memory::Memory;
use crate::metrics::{Metrics, Outcome};
use crate::resolve::{Capabilities, DefaultImages, SecretProblem};
use crate::wakes::Wakes;

/// A ChatCluster that may be one that this version can't read; one such must not stop the rest.
pub type Guarded = DeserializeGuard<ChatCluster>;

/// News about one ChatCluster within this time are one look.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// What a reconciliation needs.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// Writes.
    pub applier: Applier,
    /// The records of live objects.
    pub children: Arc<Children>,
    /// Tells people.
    pub events: Events,
    /// Counts.
    pub metrics: Metrics,
    /// What is remembered between two reconciliations.
    pub memory: Arc<Memory>,
    /// Images of this operator's configuration.
    pub images: DefaultImages,
    /// Address of this operator's Service.
    pub operator_url: String,
    /// What statuses show of the readings.
    pub displays: Arc<Displays>,
    /// What the API server offers.
    pub capabilities: signal::Receiver<Capabilities>,
}

/// Why a reconciliation has to be tried again.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Something could not be brought about.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A Secret could not be read.
    #[error(transparent)]
    Secret(#[from] SecretProblem),
    /// The status or a finalizer could not be written.
    #[error("{what}")]
    Write {
        /// What was tried.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Keeps a store of ChatClusters until `stop`, and wakes each that changes. A status that this operator wrote itself wakes
/// nobody: `memory` knows it.
pub async fn watch_clusters(
    client: Client,
    scope: Scope,
    mut writer: Writer<Guarded>,
    wakes: Wakes,
    memory: Arc<Memory>,
    listed: impl FnOnce(),
    stop: CancellationToken,
) {
    let api: Api<Guarded> = match &scope {
        Scope::All => Api::all(client),
        Scope::Namespace(namespace) => Api::namespaced(client, namespace),
    };
    let mut events = watcher(
        api,
        watcher::Config::default().page_size(children::PAGE_SIZE),
    )
    .default_backoff()
    .take_until(stop.cancelled())
    .boxed();
    let store = writer.as_reader();
    let mut listed = Some(listed);
    let mut told = String::new();
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event.modify(trim),
            Err(error) => {
                // The stream starts again by itself, after a pause. The same trouble is told once.
                let trouble = error.to_string();
                if trouble != told {
                    tracing::warn!(%error, "The watch of ChatClusters was interrupted.");
                }
                told = trouble;
                continue;
            }
        };
        let changed = match &event {
            Event::Apply(cluster) if is_own_status(cluster, &store, &memory) => None,
            Event::Apply(cluster) | Event::InitApply(cluster) | Event::Delete(cluster) => {
                Some(key_of(cluster))
            }
            Event::Init | Event::InitDone => None,
        };
        let done = matches!(event, Event::InitDone);
        if done {
            told.clear();
        }
        writer.apply_watcher_event(&event);
        if let Some(key) = changed {
            wakes.add(key);
        }
        if done && let Some(listed) = listed.take() {
            listed();
        }
    }
}

/// Whether nothing has changed but the status, to what this operator wrote.
fn is_own_status(cluster: &Guarded, store: &Store<Guarded>, memory: &Memory) -> bool {
    let Some(known) = store.get(&ObjectRef::from_obj(cluster)) else {
        return false;
    };
    let (Ok(known), Ok(present)) = (&known.0, &cluster.0) else {
        return false;
    };
    let but_version = |metadata: &ObjectMeta| ObjectMeta {
        resource_version: None,
        ..metadata.clone()
    };
    but_version(&known.metadata) == but_version(&present.metadata)
        && memory.is_echo(
            &key_of(present),
            present.uid().as_deref().unwrap_or_default(),
            present.status.as_ref(),
        )
}

/// What is never looked at need not be kept.
fn trim(cluster: &mut Guarded) {
    cluster.managed_fields_mut().clear();
    cluster
        .annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
}

/// Reconciles until `stop`.
pub async fn run(
    context: Arc<Context>,
    store: Store<Guarded>,
    wakes: Wakes,
    concurrency: u16,
    stop: CancellationToken,
) {
    // After a change of leader everything is looked at once: what happened in between was the other's to handle.
    for cluster in store.state() {
        wakes.add(key_of(&*cluster));
    }
    let known = store.clone();
    let metrics = context.metrics.clone();
    let queue = wakes
        .stream()
        .take_until(stop.cancelled_owned())
        .map(|key| Ok::<_, Infallible>(ObjectRef::<Guarded>::new(&key.name).within(&key.namespace)))
        .boxed();
    let config = Config::default()
        .debounce(DEBOUNCE)
        .concurrency(concurrency);
    let mut results = applier(
        |cluster, context| reconcile_and_count(cluster, context).boxed(),
        on_error,
        Arc::clone(&context),
        store,
        queue,
        config,
    )
    .boxed();
    while let Some(result) = results.next().await {
        metrics
            .clusters
            .set(i64::try_from(known.len()).unwrap_or(i64::MAX));
        metrics
            .objects
            .set(i64::try_from(context.children.count()).unwrap_or(i64::MAX));
        // A ChatCluster's children outlive it for a moment, and their end is news too.
        if let Err(ControllerError::ObjectNotFound(gone)) = result {
            context.memory.forget(&ClusterKey {
                namespace: gone.namespace.clone().unwrap_or_default(),
                name: gone.name.clone(),
            });
        }
    }
}

async fn reconcile_and_count(
    cluster: Arc<Guarded>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let started = std::time::Instant::now();
    let result = match &cluster.0 {
        Ok(cluster) => reconcile::reconcile(cluster, &context).await,
        Err(invalid) => report::unreadable(invalid, &context).await,
    };
    let outcome = if result.is_ok() {
        Outcome::success
    } else {
        Outcome::error
    };
    context.metrics.reconciled(outcome, started.elapsed());
    if result.is_ok() {
        context.memory.succeeded(
            &key_of(&*cluster),
            cluster.uid().as_deref().unwrap_or_default(),
        );
    }
    result
}

fn on_error(cluster: Arc<Guarded>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let key = key_of(&*cluster);
    let pause = context.memory.failed(
        &key,
        cluster.uid().as_deref().unwrap_or_default(),
        rand::random(),
    );
    match error {
        // The new leader does it.
        ReconcileError::Apply(ApplyError::NotLeading) => return Action::await_change(),
        error => tracing::warn!(
            namespace = key.namespace,
            cluster = key.name,
            error = %Chain(error),
            retry_in_secs = pause.as_secs_f64(),
            "A ChatCluster could not be reconciled."
        ),
    }
    Action::requeue(pause)
}

fn key_of<K: Resource>(object: &K) -> ClusterKey {
    ClusterKey {
        namespace: object.meta().namespace.clone().unwrap_or_default(),
        name: object.meta().name.clone().unwrap_or_default(),
    }
}

/// An error with all its sources, in one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let deeper = error.to_string();
            // Some errors show their source themselves.
            if !text.ends_with(&deeper) {
                text = format!("{text}: {deeper}");
            }
            source = error.source();
        }
        formatter.write_str(&text)
    }
}

/// An empty store of ChatClusters.
#[must_use]
pub fn store() -> (Store<Guarded>, Writer<Guarded>) {
    let writer = Writer::new(());
    (writer.as_reader(), writer)
}
