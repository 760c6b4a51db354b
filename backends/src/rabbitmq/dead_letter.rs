//! Jobs that failed for good: how they get into the dead letter queue, and how a person looks at them and sends
//! them on their way again.

mod desk;

use std::sync::Arc;
use std::time::Duration;

use chat_core::names;
use chat_core::time::Timestamp;
use lapin::options::BasicPublishOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::delivery::Delivery;
use super::{Broker, BrokerError, PERSISTENT, headers};
use crate::config::RabbitConfig;

pub use self::desk::{DeadLetterDesk, Replayed};

/// How long the confirm of one message may take.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest reason that is kept, in characters.
const REASON_CHARS: usize = 500;

/// Why and when a job was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// What went wrong the last time; must hold neither content nor secrets.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first.
    pub first_failed: Timestamp,
    /// When it failed last.
    pub last_failed: Timestamp,
}

/// A dead letter as a person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The job as it came.
    pub delivery: Delivery,
    /// The routing key that it came by first, and that a replay uses.
    pub routing_key: String,
    /// What went wrong.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first (RFC 3339), if that was noted.
    pub first_failed: Option<String>,
    /// When it failed last (RFC 3339), if that was noted.
    pub last_failed: Option<String>,
}

/// Sends jobs to the dead letter queue.
#[derive(Clone)]
pub struct DeadLetters {
    exchange: String,
    queue: String,
    publisher: ConfirmedChannel,
}

impl DeadLetters {
    /// Opens a channel for dead letters.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away.
    pub async fn open(broker: &Broker, config: &RabbitConfig) -> Result<Self, BrokerError> {
        Ok(Self {
            exchange: config.names.dlx.clone(),
            queue: config.names.dlq.clone(),
            publisher: ConfirmedChannel::open(broker).await?,
        })
    }

    /// Puts a job into the dead letter queue and returns once the broker has it there: only then may the original
    /// be acknowledged.
    ///
    /// # Errors
    /// [`BrokerError`]: the job is not safe, keep the original.
    pub async fn bury(&self, job: &Delivery, death: &Death) -> Result<(), BrokerError> {
        let mut table = job_headers(job);
        let reason: String = death.reason.chars().take(REASON_CHARS).collect();
        headers::set_text(&mut table, names::HEADER_DEATH_REASON, &reason);
        headers::set_number(&mut table, names::HEADER_ATTEMPT, death.attempts);
        headers::set_text(
            &mut table,
            names::HEADER_FIRST_FAILED,
            &death.first_failed.to_string(),
        );
        headers::set_text(
            &mut table,
            names::HEADER_LAST_FAILED,
            &death.last_failed.to_string(),
        );
        headers::set_text(&mut table, names::HEADER_ROUTING_KEY, &job.routing_key);
        self.publisher
            .publish(&self.exchange, &self.queue, job, table)
            .await
    }
}

impl From<Delivery> for DeadLetter {
    /// For messages whose death was not noted: those that something else put into the queue.
    fn from(delivery: Delivery) -> Self {
        Self {
            routing_key: delivery.routing_key.clone(),
            reason: String::new(),
            attempts: delivery.attempt,
            first_failed: None,
            last_failed: None,
            delivery,
        }
    }
}

impl DeadLetter {
    fn read(message: lapin::message::Delivery) -> Self {
        let text = |key| headers::text(&message.properties, key);
        let routing_key = text(names::HEADER_ROUTING_KEY);
        let reason = text(names::HEADER_DEATH_REASON).unwrap_or_default();
        let first_failed = text(names::HEADER_FIRST_FAILED);
        let last_failed = text(names::HEADER_LAST_FAILED);
        let letter = Self::from(Delivery::from(message));
        Self {
            routing_key: routing_key.unwrap_or(letter.routing_key),
            reason,
            first_failed,
            last_failed,
            ..letter
        }
    }
}

/// The headers that belong to the job itself.
fn job_headers(job: &Delivery) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in [
        (names::HEADER_KEY_ID, &job.key_id),
        (names::HEADER_SIGNATURE, &job.signature),
        (names::HEADER_TRACEPARENT, &job.traceparent),
    ] {
        if let Some(value) = value {
            headers::set_text(&mut table, key, value);
        }
    }
    table
}

/// A channel that publishes one message at a time and waits for its confirm.
///
/// One at a time, so that a confirm or a return can only belong to it; dead letters are rare.
#[derive(Clone)]
struct ConfirmedChannel {
    broker: Broker,
    channel: Arc<Mutex<Option<Channel>>>,
}

impl ConfirmedChannel {
    async fn open(broker: &Broker) -> Result<Self, BrokerError> {
        Ok(Self {
            channel: Arc::new(Mutex::new(Some(broker.confirm_channel().await?))),
            broker: broker.clone(),
        })
    }

    async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        job: &Delivery,
        table: FieldTable,
    ) -> Result<(), BrokerError> {
        let mut properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_priority(job.priority)
            .with_delivery_mode(PERSISTENT)
            .with_headers(table);
        if let Some(id) = &job.message_id {
            properties = properties
                .with_message_id(id.as_str().into())
                .with_correlation_id(id.as_str().into());
        }
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let mut slot = self.channel.lock().await;
        // Taken out meanwhile: after an error or a timeout a late confirm could be taken for the next message's.
        let channel = match slot.take() {
            Some(channel) if channel.status().connected() => channel,
            _ => self.broker.confirm_channel().await?,
        };
        let confirmation = timeout(CONFIRM_TIMEOUT, async {
            channel
                .basic_publish(
                    exchange.into(),
                    routing_key.into(),
                    options,
                    &job.body,
                    properties,
                )
                .await?
                .await
        })
        .await
        .map_err(|_| BrokerError::Timeout {
            during: "confirm a dead letter",
            after: CONFIRM_TIMEOUT,
        })??;
        *slot = Some(channel);
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(BrokerError::Refused(format!(
                "no queue takes {routing_key} on {exchange}"
            ))),
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(BrokerError::Refused(
                format!("the queue of {routing_key} is full"),
            )),
        }
    }
}
