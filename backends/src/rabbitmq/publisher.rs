//! Publishing jobs: a job counts as taken only once the broker has confirmed it.
//!
//! One connection and one writer task a process. Confirms are multiplexed: hundreds of jobs are in flight at a time,
//! each caller waits for its own. While the broker is away callers fail at once instead of queueing up behind it.

mod session;

use std::sync::Arc;
use std::time::Duration;

use chat_core::job::Job;
use chat_core::names::{self, Queue};
use chat_core::partition;
use chat_core::signing::KeyRing;
use lapin::BasicProperties;
use lapin::types::FieldTable;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::session::Session;
use super::{Broker, BrokerError, PERSISTENT, headers, topology};
use crate::config::RabbitConfig;

/// Jobs that may wait for their confirm at a time; those beyond wait here, in order, for at most the confirm's timeout.
const IN_FLIGHT: usize = 2000;
/// Jobs that may wait here for their turn: a stuck broker bounds our memory.
const WAITING: usize = 8000;
/// First pause before connecting again.
const RECONNECT_MIN: Duration = Duration::from_millis(100);
/// Longest pause before connecting again: a broker that is back is used within five seconds.
const RECONNECT_MAX: Duration = Duration::from_secs(2);

/// Why a job was not taken. In every case the client may send it again under the same id.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no connection to the broker, or it broke before the confirm.
    #[error("RabbitMQ is not available")]
    Unavailable,
    /// The broker said no.
    #[error("RabbitMQ refused the job: {0}")]
    Refused(Refusal),
    /// There was no confirm in time; the job may or may not be stored.
    #[error("RabbitMQ did not confirm the job in time")]
    Timeout,
    /// The job can't be written as JSON.
    #[error("the job can't be encoded")]
    Encode(#[from] serde_json::Error),
}

/// How the broker said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A negative confirm: the queue is full, or has no leader.
    #[error("the queue is full")]
    QueueFull,
    /// More jobs wait for the broker here than may.
    #[error("too many jobs wait for the broker")]
    TooManyWaiting,
    /// The message came back: no queue is bound to its routing key.
    #[error("no queue takes it")]
    Unroutable,
}

/// Publishes jobs; clones share one connection.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    config: RabbitConfig,
    keys: KeyRing,
    outgoing: mpsc::Sender<Outgoing>,
    broker: watch::Receiver<Option<Broker>>,
}

/// A message on its way to the broker.
struct Outgoing {
    routing_key: String,
    body: Vec<u8>,
    properties: BasicProperties,
    waiting: Waiting,
}

/// Who waits for a message.
struct Waiting {
    /// Told what became of it; `None` for what nobody waits for.
    reply: Option<oneshot::Sender<Result<(), PublishError>>>,
}

impl Publisher {
    /// Starts connecting, and goes on connecting until `shutdown`; the task is `tasks`' to await.
    pub fn start(
        config: RabbitConfig,
        keys: KeyRing,
        connection_name: &str,
        tasks: &TaskTracker,
        shutdown: CancellationToken,
    ) -> Self {
        let (outgoing, queue) = mpsc::channel(WAITING);
        let (connected, broker) = watch::channel(None);
        let supervisor = Supervisor {
            config: config.clone(),
            name: connection_name.to_owned(),
            queue,
            connected,
        };
        tasks.spawn(supervisor.run(shutdown));
        Self {
            shared: Arc::new(Shared {
                config,
                keys,
                outgoing,
                broker,
            }),
        }
    }

    /// Signs and publishes a job, and returns once the broker has it.
    ///
    /// Jobs go out in the order in which these futures are first polled. Jobs of the low queue are neither persistent
    /// nor confirmed: they return as soon as they are handed over.
    ///
    /// # Errors
    /// [`PublishError`]; the job was not acknowledged and may be sent again with the same id.
    pub async fn publish(&self, job: &Job, traceparent: Option<&str>) -> Result<(), PublishError> {
        let shared = &self.shared;
        if !self.is_healthy() {
            return Err(PublishError::Unavailable);
        }
        let body = serde_json::to_vec(job)?;
        let properties = properties(job, &body, &shared.keys, traceparent);
        let queue = job.act.queue();
        let routing_key = queue.routing_key(partition::of(job.lane(), shared.config.partitions));
        let confirmed = queue != Queue::Low;

        let (reply, answer) = oneshot::channel();
        // Without awaiting: the place in the queue is the job's place in the order, however many are waiting.
        shared
            .outgoing
            .try_send(Outgoing {
                routing_key,
                body,
                properties,
                waiting: Waiting {
                    reply: confirmed.then_some(reply),
                },
            })
            .map_err(|error| match error {
                TrySendError::Full(_) => PublishError::Refused(Refusal::TooManyWaiting),
                TrySendError::Closed(_) => PublishError::Unavailable,
            })?;
        if !confirmed {
            return Ok(());
        }
        match timeout(shared.config.confirm_timeout, answer).await {
            Ok(answer) => answer.unwrap_or(Err(PublishError::Unavailable)),
            Err(_) => Err(PublishError::Timeout),
        }
    }

    /// Whether jobs can be published now: connected, and no alarm on the broker.
    pub fn is_healthy(&self) -> bool {
        self.shared
            .broker
            .borrow()
            .as_ref()
            .is_some_and(Broker::is_open)
    }

    /// The connection, for others who need a channel of their own; `None` while the broker is away.
    pub fn broker(&self) -> Option<Broker> {
        self.shared.broker.borrow().clone()
    }

    /// Waits until the broker is there.
    pub async fn connected(&self) -> Option<Broker> {
        let mut broker = self.shared.broker.clone();
        let found = broker
            .wait_for(|broker| broker.as_ref().is_some_and(Broker::is_connected))
            .await;
        found.ok().and_then(|broker| broker.clone())
    }

    /// How the broker is used.
    pub fn config(&self) -> &RabbitConfig {
        &self.shared.config
    }
}

fn properties(
    job: &Job,
    body: &[u8],
    keys: &KeyRing,
    traceparent: Option<&str>,
) -> BasicProperties {
    let signature = keys.sign(body);
    let id = job.job_id.to_string();
    let mut table = FieldTable::default();
    headers::set_text(&mut table, names::HEADER_KEY_ID, &signature.key_id);
    headers::set_text(&mut table, names::HEADER_SIGNATURE, &signature.hex);
    headers::set_number(&mut table, names::HEADER_ATTEMPT, 0);
    if let Some(traceparent) = traceparent {
        headers::set_text(&mut table, names::HEADER_TRACEPARENT, traceparent);
    }
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_message_id(id.as_str().into())
        .with_correlation_id(id.as_str().into())
        .with_type(job.act.name().into())
        .with_priority(job.act.priority())
        .with_headers(table);
    match job.act.queue() {
        Queue::High | Queue::Medium => properties.with_delivery_mode(PERSISTENT),
        Queue::Low => properties,
    }
}

/// Keeps a session with the broker going.
struct Supervisor {
    config: RabbitConfig,
    name: String,
    queue: mpsc::Receiver<Outgoing>,
    connected: watch::Sender<Option<Broker>>,
}

impl Supervisor {
    async fn run(mut self, shutdown: CancellationToken) {
        let mut pause = RECONNECT_MIN;
        loop {
            let connecting = shutdown.run_until_cancelled(self.connect());
            match connecting.await {
                None => return,
                Some(Err(error)) => {
                    tracing::warn!(%error, retry_in_ms = pause.as_millis(), "the publisher has no broker");
                    if shutdown
                        .run_until_cancelled(tokio::time::sleep(pause))
                        .await
                        .is_none()
                    {
                        return;
                    }
                    pause = (pause * 2).min(RECONNECT_MAX);
                }
                Some(Ok((broker, mut session))) => {
                    pause = RECONNECT_MIN;
                    tracing::info!("the publisher is connected");
                    self.connected.send_replace(Some(broker.clone()));
                    let end = session.run(&mut self.queue, &shutdown).await;
                    self.connected.send_replace(None);
                    // What came in while the connection broke is answered now, not after the next one stands.
                    while let Ok(outgoing) = self.queue.try_recv() {
                        outgoing.waiting.answer(Err(PublishError::Unavailable));
                    }
                    broker.close().await;
                    if shutdown.is_cancelled() {
                        return;
                    }
                    tracing::warn!(reason = %end, "the publisher lost its broker");
                }
            }
        }
    }

    async fn connect(&self) -> Result<(Broker, Session), BrokerError> {
        let broker = Broker::connect(&self.config, &self.name).await?;
        topology::declare(&broker, &self.config).await?;
        let session = Session::open(&broker, &self.config).await?;
        Ok((broker, session))
    }
}

impl Waiting {
    /// Whether the caller has given up, and was told so.
    fn is_given_up(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    fn answer(self, result: Result<(), PublishError>) {
        if let Some(reply) = self.reply {
            // Nobody listens any more after the caller's timeout.
            drop(reply.send(result));
        }
    }
}
