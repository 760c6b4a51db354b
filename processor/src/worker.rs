//! The workers of one processor: consume → batch → commit → fan out → acknowledge.
//!
//! A session is one connection to the broker with one consumer for each partition. Whatever ends a consumer ends the
//! session, and the next one starts over: what was not acknowledged comes again and finds itself done.

pub mod assignment;
mod attached;
mod commit;
mod group_commit;
pub mod health;
pub mod ladder;
pub mod lanes;
mod leftovers;
pub mod metrics;
mod ownership;
mod partition;
mod trail;
mod transient;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use chat_backends::config::RabbitConfig;
use chat_backends::rabbitmq::event_log::EventLog;
use chat_backends::rabbitmq::{Broker, BrokerError, topology};
use chat_backends::redis::heartbeat::Heartbeats;
use chat_core::names::Queue;
use chat_core::signing::KeyRing;
use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::group_commit::GroupCommit;
use self::health::{Backend, Health};
use self::ladder::Ladder;
use self::metrics::WorkerMetrics;
use self::ownership::Ownership;
use self::partition::{Partition, Place};
use self::trail::Log;
use crate::context::Context;

/// After this long without a heartbeat a processor counts as dead: three beats, so that one lost beat moves nothing.
pub const DEAD_AFTER: Duration = Duration::from_secs(3);

/// The first and the longest pause between two attempts to reach the broker.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// What the workers need; clones share it.
#[derive(Clone)]
pub struct Worker {
    /// The stores.
    pub context: Context,
    /// The broker and its queues.
    pub rabbitmq: Arc<RabbitConfig>,
    /// Keys of the job signatures.
    pub job_keys: KeyRing,
    /// Name of this processor among the live ones.
    pub name: Arc<str>,
    /// The list of live processors, among whom the partitions are shared.
    pub heartbeats: Heartbeats,
    /// How long failing jobs wait for their retries.
    pub ladder: Ladder,
    /// What is counted.
    pub metrics: WorkerMetrics,
    /// What the probes see.
    pub health: Health,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionEnd {
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Consumer(#[from] chat_backends::rabbitmq::consumer::ConsumerEnd),
    #[error("partitions of an earlier number have come back")]
    Leftovers,
    #[error("a worker died: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Worker {
    /// Works until `stop`, through every outage of a backend; returns when what was begun is finished, or `drain_window`
    /// after `stop`: what is unfinished then goes back to its queue.
    pub async fn run(self, stop: CancellationToken, drain_window: Duration) {
        let (ownership, keeper) = ownership::keep(self.clone(), stop.clone());
        let probes = health::probe(self.context.clone(), self.health.clone(), stop.clone());
        let sessions = async {
            let mut pause = RECONNECT.0;
            while !stop.is_cancelled() {
                match self.session(&ownership, &stop, drain_window).await {
                    Ok(()) => {}
                    Err(end) => tracing::warn!(%end, "the broker session ended; starting over"),
                }
                let lasted = self.health.report_rabbitmq();
                self.health.set(Backend::RabbitMq, false);
                pause = if lasted {
                    RECONNECT.0
                } else {
                    (pause * 2).min(RECONNECT.1)
                };
                let paused = tokio::time::sleep(pause);
                tokio::select! { () = paused => {}, () = stop.cancelled() => {} }
            }
        };
        tokio::join!(sessions, keeper, probes);
    }

    /// One connection, until something ends it or `stop`.
    async fn session(
        &self,
        ownership: &Ownership,
        stop: &CancellationToken,
        drain_window: Duration,
    ) -> Result<(), SessionEnd> {
        let broker = Broker::connect(&self.rabbitmq, &self.name).await?;
        topology::declare(&broker, &self.rabbitmq).await?;
        // A session ends as a whole: its own token stops the other consumers when one ends.
        let over = stop.child_token();
        let mut workers: JoinSet<Result<(), SessionEnd>> = JoinSet::new();
        let log = Log {
            log: EventLog::open(&broker, &self.rabbitmq).await?,
            broker: broker.clone(),
            metrics: self.metrics.clone(),
        };
        let transient = transient::run(self.clone(), broker.clone(), log.log.clone(), over.clone());
        workers.spawn(transient);
        // Ready meanwhile: a rolling update must go on for the processors of before to leave.
        self.health.set(Backend::RabbitMq, true);
        leftovers::drain(self, &broker, stop).await?;
        workers.spawn(leftovers::watch(self.clone(), broker.clone(), over.clone()));
        let (group, committing) = GroupCommit::new(self.context.clone(), self.metrics.clone());
        workers.spawn(committing.map(Ok));
        for queue in [Queue::High, Queue::Medium] {
            for number in 0..self.rabbitmq.partitions {
                let (log, group) = (log.clone(), group.clone());
                let place = Place { queue, number };
                let partition = Partition::new(self.clone(), log, group, place);
                workers.spawn(partition.run(ownership.clone(), over.clone()));
            }
        }
        drop(group);
        tracing::info!(partitions = self.rabbitmq.partitions, "consuming");

        let mut result = Ok(());
        let drained = async {
            stop.cancelled().await;
            tokio::time::sleep(drain_window).await;
        };
        tokio::pin!(drained);
        loop {
            let ended = tokio::select! {
                ended = workers.join_next() => ended,
                () = &mut drained => {
                    tracing::warn!("the drain window is over; unfinished jobs go back to their queues");
                    break;
                }
            };
            let Some(ended) = ended else { break };
            if let Err(end) = ended.map_err(SessionEnd::from).flatten()
                && result.is_ok()
            {
                result = Err(end);
            }
            over.cancel();
        }
        // Before whoever is still at work is dropped: the end of the connection gives everything back in order.
        broker.close().await;
        result
    }
}
