//! The event log: a stream of everything that was committed, for consumer groups that keep their own place.

use chat_core::names;
use futures::stream::{FuturesOrdered, TryStreamExt};
use lapin::options::BasicPublishOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Mutex;

use super::{Broker, BrokerError, PERSISTENT, call, headers};
use crate::config::RabbitConfig;

/// AMQP header of an entry: the room's or user's id that it belongs to.
const HEADER_KEY: &str = "x-chat-key";
/// Most entries written before their confirms are awaited.
const BATCH: usize = 500;

/// One entry, encoded already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id of the event, for consumers that must not count it twice.
    pub event_id: String,
    /// Type of the event (`message.created` …): the routing key.
    pub event_type: &'static str,
    /// The room's or user's id.
    pub key: String,
    /// The W3C trace context of the act, for the header of that name.
    pub traceparent: Option<String>,
    /// The whole event as JSON.
    pub body: Vec<u8>,
}

/// Appends to the event log on a channel of its own.
pub struct EventLog {
    broker: Broker,
    exchange: String,
    /// Locked while a batch is written: on a shared channel the driver could mix up confirms of two tasks.
    channel: Mutex<Option<Channel>>,
}

impl EventLog {
    /// Opens the log for appending.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away.
    pub async fn open(broker: &Broker, config: &RabbitConfig) -> Result<Self, BrokerError> {
        Ok(Self {
            channel: Mutex::new(Some(broker.confirm_channel().await?)),
            broker: broker.clone(),
            exchange: config.names.log.clone(),
        })
    }

    /// Appends the entries in order and returns once the broker has all of them.
    ///
    /// # Errors
    /// [`BrokerError`]: some may be in the log; appending them again is for the readers to notice by event id.
    pub async fn append(&self, entries: &[Entry]) -> Result<(), BrokerError> {
        let mut slot = self.channel.lock().await;
        // Taken out meanwhile: after an error or a timeout a late confirm could be taken for another batch's.
        let channel = match slot.take() {
            Some(channel) if channel.status().connected() => channel,
            _ => self.broker.confirm_channel().await?,
        };
        for batch in entries.chunks(BATCH) {
            // Awaited together, but first polled one after the other: that keeps their order.
            let confirms: FuturesOrdered<_> = batch
                .iter()
                .map(|entry| self.write(&channel, entry))
                .collect();
            let confirmations: Vec<Confirmation> =
                call("append to the event log", confirms.try_collect()).await?;
            if confirmations.iter().any(Confirmation::is_nack) {
                return Err(BrokerError::Refused(
                    "the event log took no more".to_owned(),
                ));
            }
        }
        *slot = Some(channel);
        Ok(())
    }

    async fn write(&self, channel: &Channel, entry: &Entry) -> lapin::Result<Confirmation> {
        let mut table = FieldTable::default();
        headers::set_text(&mut table, HEADER_KEY, &entry.key);
        if let Some(traceparent) = &entry.traceparent {
            headers::set_text(&mut table, names::HEADER_TRACEPARENT, traceparent);
        }
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_message_id(entry.event_id.as_str().into())
            .with_type(entry.event_type.into())
            .with_delivery_mode(PERSISTENT)
            .with_headers(table);
        let confirm = channel
            .basic_publish(
                self.exchange.as_str().into(),
                entry.event_type.into(),
                BasicPublishOptions::default(),
                &entry.body,
                properties,
            )
            .await?;
        confirm.await
    }
}
