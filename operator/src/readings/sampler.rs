//! The loop that reads all ChatClusters, a few at a time, every two seconds.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chat_core::ports;
use futures::{StreamExt, stream};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::sources::{self, HttpClient};
use super::{LogicalQueue, Reading, Readings};
use crate::build::Component;
use crate::children::facts::PodFacts;
use crate::children::{Children, ClusterChildren, ClusterKey, Facts};
use crate::clusters::Clusters;
use crate::crd::ChatClusterSpec;
use crate::display::Displays;

/// How often everything is read. With the second in which the broker refreshes its counters, values are at most 5 s old.
const PERIOD: Duration = Duration::from_secs(2);
/// ChatClusters read at the same time.
const CONCURRENT_READS: usize = 16;

/// What the sampler works with.
pub struct SamplerConfig {
    /// Where readings go.
    pub readings: Arc<Readings>,
    /// Where pods are found.
    pub children: Arc<Children>,
    /// Which ChatClusters there are.
    pub clusters: Clusters,
    /// What statuses show of the readings.
    pub displays: Arc<Displays>,
}

/// Reads until `stop`.
pub async fn run(config: SamplerConfig, stop: CancellationToken) {
    let client = sources::client();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let clusters = config.clusters.all();
        let known: HashSet<_> = clusters.iter().map(|(key, _)| key).collect();
        config.readings.retain(|key| known.contains(key));
        config.displays.retain(|key| known.contains(key));
        let reads: Vec<_> = clusters
            .iter()
            .filter_map(|(key, guarded)| {
                Some(read(&config, &client, key, &guarded.0.as_ref().ok()?.spec))
            })
            .collect();
        stream::iter(reads)
            .buffer_unordered(CONCURRENT_READS)
            .collect::<Vec<()>>()
            .await;
    }
}

async fn read(
    config: &SamplerConfig,
    client: &HttpClient,
    key: &ClusterKey,
    spec: &ChatClusterSpec,
) {
    let live = config.children.pods_of(key);
    let (nodes, vhost) = match &spec.rabbitmq.external {
        Some(external) => (external.metrics_urls.clone(), external.vhost.as_str()),
        None => (
            addresses(&live, Component::RabbitMq, ports::RABBITMQ_METRICS),
            "/",
        ),
    };
    let gateways = addresses(&live, Component::Gateway, ports::GATEWAY);
    let processors = ready(&live, Component::Processor);
    let (queues, connections) = tokio::join!(
        sources::queues(client, &nodes, vhost),
        sources::connections(client, &gateways)
    );
    let now = Instant::now();
    let reading = config.readings.update(key, |reading| {
        if let Ok(depths) = &queues {
            let acked = LogicalQueue::WORK
                .iter()
                .filter_map(|queue| depths.get(queue))
                .map(|depth| depth.acked)
                .sum();
            reading
                .rate
                .observe(acked, Reading::work(depths), processors, now);
        }
        reading.queues.note(queues, now);
        reading.connections.note(connections, now);
        reading.clone()
    });
    config.displays.show(key, spec, &reading, processors, now);
}

fn pods(live: &ClusterChildren, component: Component) -> impl Iterator<Item = &PodFacts> {
    live.values().filter_map(move |child| match &child.facts {
        Facts::Pod(pod)
            if pod.ready && !child.deleting && *pod.component == *component.as_str() =>
        {
            Some(pod)
        }
        _ => None,
    })
}

fn addresses(live: &ClusterChildren, component: Component, port: u16) -> Vec<String> {
    pods(live, component)
        .filter_map(|pod| pod.address.as_deref())
        .map(|address| match address.contains(':') {
            true => format!("http://[{address}]:{port}"),
            false => format!("http://{address}:{port}"),
        })
        .collect()
}

/// How many pods of a component are ready.
pub(crate) fn ready(live: &ClusterChildren, component: Component) -> i32 {
    i32::try_from(pods(live, component).count()).unwrap_or(i32::MAX)
}
