//! The readings as Prometheus metrics, under the names of the external metrics API, so that dashboards, alerts and an adapter
//! in front of Prometheus see what autoscaling sees.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::time::Instant;

use super::{LogicalQueue, Reading, Readings, ready};
use crate::build::Component;
use crate::children::{ChildKey, Children, ClusterChildren, ClusterKey, Facts};
use crate::clusters::Clusters;
use crate::crd::ChatClusterSpec;
use crate::kinds::Kind;

/// Writes the metrics when they are asked for.
#[derive(Debug)]
pub struct Exported {
    /// The readings.
    pub readings: Arc<Readings>,
    /// Where replicas are counted.
    pub children: Arc<Children>,
    /// Which ChatClusters there are.
    pub clusters: Clusters,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCluster {
    namespace: String,
    cluster: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfQueue {
    namespace: String,
    cluster: String,
    queue: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfComponent {
    namespace: String,
    cluster: String,
    component: &'static str,
}

/// One ChatCluster at the time of a scrape.
struct Seen {
    key: ClusterKey,
    spec: ChatClusterSpec,
    reading: Reading,
    live: ClusterChildren,
}

impl Seen {
    fn cluster(&self) -> OfCluster {
        OfCluster {
            namespace: self.key.namespace.clone(),
            cluster: self.key.name.clone(),
        }
    }

    fn queue(&self, queue: LogicalQueue) -> OfQueue {
        OfQueue {
            namespace: self.key.namespace.clone(),
            cluster: self.key.name.clone(),
            queue: queue.name(),
        }
    }

    fn component(&self, component: Component) -> OfComponent {
        OfComponent {
            namespace: self.key.namespace.clone(),
            cluster: self.key.name.clone(),
            component: component.as_str(),
        }
    }

    /// Replicas that are wanted, replicas that are ready, and the most that there may be.
    fn replicas(&self, component: Component) -> Option<(i32, i32, i32)> {
        let name = format!("{}-{}", self.key.name, component.as_str());
        let Facts::Workload(workload) = &self
            .live
            .get(&ChildKey::new(Kind::Deployment, &name))?
            .facts
        else {
            return None;
        };
        let most = match component {
            Component::Gateway => match self.spec.gateway.replicas {
                Some(replicas) => replicas,
                None => {
                    self.spec
                        .gateway
                        .autoscaling
                        .clone()
                        .unwrap_or_default()
                        .max_replicas
                }
            },
            _ => match self.spec.processors.replicas {
                Some(replicas) => replicas,
                None => {
                    let autoscaling = self.spec.processors.autoscaling.clone().unwrap_or_default();
                    autoscaling.max_replicas.min(self.spec.rabbitmq.partitions)
                }
            },
        };
        Some((workload.replicas, workload.ready, most))
    }
}

impl Collector for Exported {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let all: Vec<_> = self
            .clusters
            .all()
            .into_iter()
            .filter_map(|(key, guarded)| {
                Some(Seen {
                    spec: guarded.0.as_ref().ok()?.spec.clone(),
                    reading: self.readings.of(&key)?,
                    live: self.children.of(&key),
                    key,
                })
            })
            .collect();
        queues(&all, &mut encoder)?;
        gateways(&all, &mut encoder)?;
        components(&all, &mut encoder)
    }
}

fn queues(all: &[Seen], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let depths = |value: fn(super::Depth) -> i64| {
        all.iter().flat_map(move |seen| {
            let good = seen.reading.queues.good.iter();
            good.flat_map(|(depths, _)| depths)
                .map(move |(queue, depth)| (seen.queue(*queue), whole(value(*depth))))
        })
    };
    family(
        encoder,
        "rabbitmq_queue_messages_ready",
        "Jobs waiting in a queue",
        depths(|depth| depth.ready),
    )?;
    family(
        encoder,
        "rabbitmq_queue_messages_unacked",
        "Jobs in work",
        depths(|depth| depth.unacked),
    )?;
    family(
        encoder,
        "chat_queue_backlog",
        "Jobs waiting or in work",
        depths(super::Depth::backlog),
    )?;
    family(
        encoder,
        "chat_queue_partitions_without_consumer",
        "Partitions of a queue that nobody works on",
        depths(|depth| depth.without_consumer),
    )?;
    family(
        encoder,
        "chat_queue_drain_seconds",
        "Seconds in which the present processors work the backlog off",
        all.iter().flat_map(|seen| {
            let processors = ready(&seen.live, Component::Processor);
            LogicalQueue::WORK.into_iter().filter_map(move |queue| {
                let (depths, _) = seen.reading.queues.good.as_ref()?;
                let seconds = seen
                    .reading
                    .rate
                    .drain_seconds(depths.get(&queue)?.backlog(), processors)?;
                Some((seen.queue(queue), seconds))
            })
        }),
    )?;
    let now = Instant::now();
    family(
        encoder,
        "chat_autoscaling_metrics_age_seconds",
        "Age of the last good reading of the queues",
        all.iter().filter_map(|seen| {
            let (_, read) = seen.reading.queues.good.as_ref()?;
            Some((seen.cluster(), now.duration_since(*read).as_secs_f64()))
        }),
    )
}

fn gateways(all: &[Seen], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let connections = |value: fn(super::Connections) -> f64| {
        all.iter().filter_map(move |seen| {
            let (connections, _) = seen.reading.connections.good.as_ref()?;
            Some((seen.cluster(), value(*connections)))
        })
    };
    family(
        encoder,
        "chat_gateway_connections",
        "Sockets over all gateways",
        connections(|connections| whole(connections.sockets)),
    )?;
    family(
        encoder,
        "chat_gateway_shedding",
        "1 while a gateway drops typing and presence",
        connections(|connections| f64::from(u8::from(connections.shedding))),
    )
}

fn components(all: &[Seen], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let replicas = |value: fn((i32, i32, i32)) -> i32| {
        all.iter().flat_map(move |seen| {
            [Component::Gateway, Component::Processor]
                .into_iter()
                .filter_map(move |component| {
                    let counts = seen.replicas(component)?;
                    Some((seen.component(component), f64::from(value(counts))))
                })
        })
    };
    family(
        encoder,
        "chat_component_replicas",
        "Replicas wanted",
        replicas(|(wanted, _, _)| wanted),
    )?;
    family(
        encoder,
        "chat_component_ready_replicas",
        "Replicas ready",
        replicas(|(_, ready, _)| ready),
    )?;
    family(
        encoder,
        "chat_component_max_replicas",
        "The most replicas that there may be",
        replicas(|(_, _, most)| most),
    )
}

fn family<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (L, f64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "jobs and sockets are far fewer than 2^52"
)]
fn whole(count: i64) -> f64 {
    count as f64
}
