//! The running operator: starts the watches, stands for election, and reconciles while it leads.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use prometheus_client::registry::Registry;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::apply::Applier;
use crate::children::{self, Children};
use crate::config::RunConfig;
use crate::controller::{self, Context};
use crate::events::Events;
use crate::health::{self, Health};
use crate::kinds::Kind;
use crate::leader::{self, Election};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::resolve::Capabilities;
use crate::wakes::Wakes;

/// Runs until `stop`.
///
/// # Errors
/// When the API server can't be reached or the health address can't be listened on.
pub async fn run(config: RunConfig, stop: CancellationToken) -> anyhow::Result<()> {
    let client = Client::try_default()
        .await
        .context("no Kubernetes to work with: neither a kubeconfig nor a pod's service account")?;
    let metrics = Metrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);

    let scopes = config.scopes();
    let kinds = Kind::BUILT_IN;
    let children = Arc::new(Children::new((kinds.len() + 1) * scopes.len()));
    let tasks = TaskTracker::new();

    let mut watched = Vec::new();
    for scope in &scopes {
        let wakes = Wakes::default();
        for kind in kinds {
            let wakes = wakes.clone();
            tasks.spawn(children::watch(
                client.clone(),
                kind,
                scope.clone(),
                Arc::clone(&children),
                move |cluster| wakes.add(cluster),
                stop.clone(),
            ));
        }
        let (store, writer) = controller::store();
        let complete = Arc::clone(&children);
        tasks.spawn(controller::watch_clusters(
            client.clone(),
            scope.clone(),
            writer,
            wakes.clone(),
            move || complete.listed_once(),
            stop.clone(),
        ));
        watched.push((store, wakes));
    }

    let election = Election {
        namespace: config.namespace.clone(),
        lease_name: config.lease_name.clone(),
        identity: config.identity(),
        lease_duration: Duration::from_secs(u64::from(config.lease_duration_seconds)),
    };
    let (mut leadership, campaign) = leader::run(client.clone(), election, stop.clone());
    tasks.spawn(campaign);

    let health = Health {
        children: Arc::clone(&children),
        registry: Arc::new(registry),
    };
    let serving = tokio::spawn(health::serve(config.health_address, health, stop.clone()));

    let (_capabilities, capabilities) = signal::channel(Capabilities::default());
    let context = Arc::new(Context {
        client: client.clone(),
        applier: Applier {
            client: client.clone(),
            leadership: leadership.clone(),
            children: Arc::clone(&children),
            metrics: metrics.clone(),
        },
        children: Arc::clone(&children),
        events: Events::new(client, config.identity(), metrics.clone()),
        metrics: metrics.clone(),
        memory: Memory::default(),
        images: config.images(),
        capabilities,
    });

    tokio::pin!(serving);
    while !stop.is_cancelled() {
        tokio::select! {
            () = leadership.acquired() => {}
            () = stop.cancelled() => break,
            served = &mut serving => {
                return served.context("the health server was cancelled")?.context("serving health and metrics");
            }
        }
        metrics.leader.set(1);
        let term = stop.child_token();
        let reconciling = TaskTracker::new();
        for (store, wakes) in &watched {
            reconciling.spawn(controller::run(
                Arc::clone(&context),
                store.clone(),
                wakes.clone(),
                config.concurrency,
                term.clone(),
            ));
        }
        reconciling.close();
        tokio::select! {
            () = leadership.lost() => {}
            () = stop.cancelled() => {}
        }
        term.cancel();
        // What is under way ends by itself: every write asks whether it still may.
        reconciling.wait().await;
        metrics.leader.set(0);
    }
    tasks.close();
    tasks.wait().await;
    Ok(())
}
