//! The running operator: starts the watches, serves metrics, stands for election, and reconciles while it leads.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use kube::runtime::reflector::Store;
use prometheus_client::registry::Registry;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::apply::Applier;
use crate::children::{self, Children, Scope};
use crate::clusters::Clusters;
use crate::config::RunConfig;
use crate::controller::{self, Context, Guarded};
use crate::discovery;
use crate::display::Displays;
use crate::events::Events;
use crate::external_metrics::{self, ApiState, Registration};
use crate::health::{self, Health};
use crate::kinds::Kind;
use crate::leader::{self, Election, Leadership};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::readings::{self, Exported, Readings, SamplerConfig};
use crate::resolve::Capabilities;
use crate::wakes::Wakes;

/// The port of the metrics API in the operator's Service.
const METRICS_API_SERVICE_PORT: i32 = 443;

/// One watched scope: its ChatClusters, and which of them are to be looked at.
struct Watched {
    scope: Scope,
    store: Store<Guarded>,
    wakes: Wakes,
}

/// What all parts work with.
struct Shared {
    config: RunConfig,
    client: Client,
    metrics: Metrics,
    children: Arc<Children>,
    readings: Arc<Readings>,
    clusters: Clusters,
    displays: Arc<Displays>,
    memory: Arc<Memory>,
    watched: Vec<Watched>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Runs until `stop`.
///
/// # Errors
/// When the API server can't be reached or an address can't be listened on.
pub async fn run(config: RunConfig, stop: CancellationToken) -> anyhow::Result<()> {
    let client = Client::try_default()
        .await
        .context("no Kubernetes to work with: neither a kubeconfig nor a pod's service account")?;
    let shared = watch_everything(config, client, stop);
    let registration = Registration::new(
        &shared.config.namespace,
        &shared.config.service,
        METRICS_API_SERVICE_PORT,
        shared.config.metrics_api_owner.clone(),
    );
    let leadership = stand_for_election(&shared);
    let capabilities = discover(&shared, &registration);
    let mut servers = serve(&shared, &registration, &leadership);
    let (events, recording) = Events::new(
        shared.client.clone(),
        shared.config.identity(),
        shared.metrics.clone(),
        shared.stop.clone(),
    );
    shared.tasks.spawn(recording);
    let context = Arc::new(Context {
        client: shared.client.clone(),
        applier: Applier {
            client: shared.client.clone(),
            leadership: leadership.clone(),
            children: Arc::clone(&shared.children),
            metrics: shared.metrics.clone(),
        },
        children: Arc::clone(&shared.children),
        events,
        metrics: shared.metrics.clone(),
        memory: Arc::clone(&shared.memory),
        images: shared.config.images(),
        operator_url: shared.config.url(),
        displays: Arc::clone(&shared.displays),
        capabilities,
    });
    tokio::select! {
        () = lead(&shared, &context, leadership) => {}
        ended = &mut servers => {
            shared.stop.cancel();
            ended.context("a server was cancelled")??;
        }
    }
    shared.tasks.close();
    shared.tasks.wait().await;
    Ok(())
}

/// Starts the watches of all scopes and what lives from them.
fn watch_everything(config: RunConfig, client: Client, stop: CancellationToken) -> Shared {
    let scopes = config.scopes();
    let children = Arc::new(Children::new((Kind::BUILT_IN.len() + 1) * scopes.len()));
    let tasks = TaskTracker::new();
    let memory = Arc::new(Memory::default());
    let mut watched = Vec::new();
    for scope in scopes {
        let wakes = Wakes::default();
        for kind in Kind::BUILT_IN {
            tasks.spawn(watch_kind(&client, kind, &scope, &children, &wakes, &stop));
        }
        let (store, writer) = controller::store();
        let complete = Arc::clone(&children);
        tasks.spawn(controller::watch_clusters(
            client.clone(),
            scope.clone(),
            writer,
            wakes.clone(),
            Arc::clone(&memory),
            move || complete.listed_once(),
            stop.clone(),
        ));
        watched.push(Watched {
            scope,
            store,
            wakes,
        });
    }
    let all_wakes: Vec<_> = watched
        .iter()
        .map(|watched| (watched.scope.clone(), watched.wakes.clone()))
        .collect();
    let displays = Arc::new(Displays::new(move |cluster| {
        if let Some((_, wakes)) = all_wakes
            .iter()
            .find(|(scope, _)| scope.covers(&cluster.namespace))
        {
            wakes.add(cluster);
        }
    }));
    let clusters = Clusters::new(
        watched
            .iter()
            .map(|watched| watched.store.clone())
            .collect(),
    );
    let readings = Arc::new(Readings::default());
    tasks.spawn(readings::run(
        SamplerConfig {
            readings: Arc::clone(&readings),
            children: Arc::clone(&children),
            clusters: clusters.clone(),
            displays: Arc::clone(&displays),
        },
        stop.clone(),
    ));
    Shared {
        config,
        client,
        metrics: Metrics::default(),
        children,
        readings,
        clusters,
        displays,
        memory,
        watched,
        tasks,
        stop,
    }
}

fn watch_kind(
    client: &Client,
    kind: Kind,
    scope: &Scope,
    children: &Arc<Children>,
    wakes: &Wakes,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let wakes = wakes.clone();
    children::watch(
        client.clone(),
        kind,
        scope.clone(),
        Arc::clone(children),
        move |cluster| wakes.add(cluster),
        stop.clone(),
    )
}

fn stand_for_election(shared: &Shared) -> Leadership {
    let election = Election {
        namespace: shared.config.namespace.clone(),
        lease_name: shared.config.lease_name.clone(),
        identity: shared.config.identity(),
        lease_duration: Duration::from_secs(u64::from(shared.config.lease_duration_seconds)),
    };
    let (leadership, campaign) = leader::run(shared.client.clone(), election, shared.stop.clone());
    shared.tasks.spawn(campaign);
    leadership
}

/// Watches optional kinds as they turn up. A change of what the cluster offers concerns every ChatCluster.
fn discover(shared: &Shared, registration: &Registration) -> signal::Receiver<Capabilities> {
    let (sender, capabilities) = signal::channel(Capabilities::default());
    let targets: Vec<_> = shared
        .watched
        .iter()
        .map(|watched| (watched.scope.clone(), watched.wakes.clone()))
        .collect();
    let (client, children, stop) = (
        shared.client.clone(),
        Arc::clone(&shared.children),
        shared.stop.clone(),
    );
    let tasks = shared.tasks.clone();
    let found = move |kind| {
        for (scope, wakes) in &targets {
            tasks.spawn(watch_kind(&client, kind, scope, &children, wakes, &stop));
        }
    };
    shared.tasks.spawn(discovery::run(
        shared.client.clone(),
        registration.api_owner(),
        sender,
        found,
        shared.stop.clone(),
    ));
    let mut changes = capabilities.clone();
    let (clusters, displays, stop) = (
        shared.clusters.clone(),
        Arc::clone(&shared.displays),
        shared.stop.clone(),
    );
    shared.tasks.spawn(async move {
        loop {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
            for (cluster, _) in clusters.all() {
                displays.wake(cluster);
            }
        }
    });
    capabilities
}

/// Health, metrics and the metrics API; every replica serves them, leading or not.
fn serve(
    shared: &Shared,
    registration: &Registration,
    leadership: &Leadership,
) -> JoinHandle<anyhow::Result<()>> {
    let mut registry = Registry::default();
    shared.metrics.register(&mut registry);
    registry.register_collector(Box::new(Exported {
        readings: Arc::clone(&shared.readings),
        children: Arc::clone(&shared.children),
        clusters: shared.clusters.clone(),
    }));
    let health = Health {
        children: Arc::clone(&shared.children),
        registry: Arc::new(registry),
        readings: Arc::clone(&shared.readings),
        clusters: shared.clusters.clone(),
    };
    let state = ApiState {
        readings: Arc::clone(&shared.readings),
        children: Arc::clone(&shared.children),
        clusters: shared.clusters.clone(),
    };
    let (config, client, stop) = (
        shared.config.clone(),
        shared.client.clone(),
        shared.stop.clone(),
    );
    let registration = registration.clone();
    if config.metrics_api {
        shared.tasks.spawn(external_metrics::register(
            client.clone(),
            registration.clone(),
            leadership.clone(),
            stop.clone(),
        ));
    }
    tokio::spawn(async move {
        let health = async {
            health::serve(config.health_address, health, stop.clone())
                .await
                .with_context(|| format!("serving health and metrics on {}", config.health_address))
        };
        let api = async {
            if !config.metrics_api {
                return Ok(());
            }
            external_metrics::serve(
                config.metrics_api_address,
                client,
                state,
                &registration,
                stop.clone(),
            )
            .await
            .with_context(|| format!("serving the metrics API on {}", config.metrics_api_address))
        };
        tokio::try_join!(health, api).map(drop)
    })
}

/// Reconciles whenever this process leads, until it is told to stop.
async fn lead(shared: &Shared, context: &Arc<Context>, mut leadership: Leadership) {
    while !shared.stop.is_cancelled() {
        tokio::select! {
            () = leadership.acquired() => {}
            () = shared.stop.cancelled() => return,
        }
        shared.metrics.leader.set(1);
        let term = shared.stop.child_token();
        let reconciling = TaskTracker::new();
        for Watched { store, wakes, .. } in &shared.watched {
            reconciling.spawn(controller::run(
                Arc::clone(context),
                store.clone(),
                wakes.clone(),
                shared.config.concurrency,
                term.clone(),
            ));
        }
        reconciling.close();
        tokio::select! {
            () = leadership.lost() => {}
            () = shared.stop.cancelled() => {}
        }
        term.cancel();
        // What is under way ends by itself: every write asks whether it still may.
        reconciling.wait().await;
        shared.metrics.leader.set(0);
    }
}
