//! The watches that keep the records: one a kind and namespace, by label, so that nothing foreign is ever read.

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use tokio_util::sync::CancellationToken;

use super::{Children, ClusterKey, LiveObject};
use crate::build::{MANAGED_BY, MANAGER};
use crate::kinds::Kind;

/// Objects listed at once: what is in flight while an index is filled.
pub(crate) const PAGE_SIZE: u32 = 20;

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// In all namespaces.
    All,
    /// In one.
    Namespace(String),
}

impl Scope {
    /// Whether a namespace belongs to it.
    #[must_use]
    pub fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(own) => own == namespace,
        }
    }

    /// An API limited to it.
    #[must_use]
    pub fn api<K>(&self, client: &Client, resource: &K::DynamicType) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::DynamicResourceScope>,
    {
        match self {
            Self::All => Api::all_with(client.clone(), resource),
            Self::Namespace(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        }
    }
}

/// Watches one kind until it is told to stop; `wake` is called for each ChatCluster whose objects have changed.
pub async fn watch(
    client: Client,
    kind: Kind,
    scope: Scope,
    children: Arc<Children>,
    wake: impl Fn(ClusterKey),
    stop: CancellationToken,
) {
    let api: Api<LiveObject> = scope.api(&client, &kind.resource());
    let config = watcher::Config::default()
        .labels(&format!("{MANAGED_BY}={MANAGER}"))
        .page_size(PAGE_SIZE);
    let mut events = watcher(api, config)
        .default_backoff()
        .take_until(stop.cancelled())
        .boxed();
    let mut listed = HashSet::new();
    // Kept until this kind has been listed once, or can't be: one that is not permitted must not hold up the others.
    let mut turn = children.listing.acquire().await.ok();
    let mut first = true;
    let mut told = String::new();
    loop {
        let event = match events.try_next().await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => {
                // The stream starts again by itself, after a pause. The same trouble is told once.
                let trouble = error.to_string();
                if trouble != told {
                    tracing::warn!(kind = kind.as_str(), %error, "A watch was interrupted.");
                }
                told = trouble;
                drop(turn.take());
                continue;
            }
        };
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.insert(
                    object
                        .meta()
                        .uid
                        .clone()
                        .unwrap_or_default()
                        .into_boxed_str(),
                );
                note(&children, kind, &object).map(&wake);
            }
            Event::InitDone => {
                told.clear();
                drop(turn.take());
                children
                    .retain_listed(kind, &scope, &listed)
                    .into_iter()
                    .for_each(&wake);
                listed = HashSet::new();
                if std::mem::take(&mut first) {
                    children.listed_once();
                }
            }
            Event::Apply(object) => {
                note(&children, kind, &object).map(&wake);
            }
            Event::Delete(object) => {
                children.forget(kind, &object.read()).map(&wake);
            }
        }
    }
}

fn note(children: &Children, kind: Kind, object: &LiveObject) -> Option<ClusterKey> {
    // Most news is of our own writes, whose answers are in the records already.
    if children.knows(kind, object.meta()) {
        return None;
    }
    children.observe(kind, &object.read())
}
