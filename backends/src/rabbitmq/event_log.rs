//! The event log: a stream of everything that was committed, for consumer groups that keep their own place.
//!
//! Whoever appends while the broker confirms what others appended waits, and is written with all who came meanwhile
//! (measured: `docs/adr/0017`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_core::names;
use futures::stream::{FuturesOrdered, TryStreamExt};
use lapin::options::BasicPublishOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::time::Instant;

use super::{Broker, BrokerError, PERSISTENT, call, headers};
use crate::config::RabbitConfig;

/// Most entries written before their confirms are awaited.
const BATCH: usize = 500;

/// Writes begin no sooner after each other. Nobody who chats waits for them (measured: `docs/adr/0017`).
const PACE: Duration = Duration::from_millis(20);

/// One entry, encoded already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id of the event, for consumers that must not count it twice.
    pub event_id: String,
    /// Type of the event (`message.created` …): the routing key.
    pub event_type: &'static str,
    /// The W3C trace context of the act, for the header of that name.
    pub traceparent: Option<String>,
    /// The whole event as JSON.
    pub body: Vec<u8>,
}

/// Appends to the event log on a channel of its own; clones share it.
#[derive(Clone)]
pub struct EventLog {
    shared: Arc<Shared>,
}

struct Shared {
    broker: Broker,
    exchange: String,
    waiting: Mutex<Vec<Append>>,
    /// Locked while entries are written: on a shared channel the driver could mix up confirms of two tasks.
    writer: Arc<tokio::sync::Mutex<Writer>>,
}

struct Writer {
    channel: Option<Channel>,
    /// When the last write began.
    began: Option<Instant>,
}

impl Writer {
    /// Waits while the write before began a moment ago.
    async fn take_turn(&mut self) {
        if let Some(began) = self.began {
            tokio::time::sleep_until(began + PACE).await;
        }
        self.began = Some(Instant::now());
    }
}

/// Entries that somebody waits for.
struct Append {
    entries: Arc<[Entry]>,
    done: oneshot::Sender<Result<(), BrokerError>>,
}

impl EventLog {
    /// Opens the log for appending.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away.
    pub async fn open(broker: &Broker, config: &RabbitConfig) -> Result<Self, BrokerError> {
        Ok(Self {
            shared: Arc::new(Shared {
                writer: Arc::new(tokio::sync::Mutex::new(Writer {
                    channel: Some(broker.confirm_channel().await?),
                    began: None,
                })),
                waiting: Mutex::default(),
                broker: broker.clone(),
                exchange: config.names.log.clone(),
            }),
        })
    }

    /// Appends the entries in order and returns once the broker has all of them.
    ///
    /// # Errors
    /// [`BrokerError`]: some may be in the log; appending them again is for the readers to notice by event id.
    pub async fn append(&self, entries: &Arc<[Entry]>) -> Result<(), BrokerError> {
        if entries.is_empty() {
            return Ok(());
        }
        let (done, mut outcome) = oneshot::channel();
        let entries = Arc::clone(entries);
        self.shared.wait(Append { entries, done });
        tokio::select! {
            biased;
            outcome = &mut outcome => return outcome.unwrap_or_else(|_| Err(given_up())),
            writer = Arc::clone(&self.shared.writer).lock_owned() => {
                // In a task: if the caller were stopped within a message, the broker would end the whole connection.
                tokio::spawn(Arc::clone(&self.shared).write_waiting(writer));
            }
        }
        outcome.await.unwrap_or_else(|_| Err(given_up()))
    }
}

/// The write was never finished: the program ends, or it panicked.
fn given_up() -> BrokerError {
    BrokerError::Unavailable("the write to the event log was given up".to_owned())
}

impl Shared {
    fn wait(&self, append: Append) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(append);
    }

    fn take_waiting(&self) -> Vec<Append> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn write_waiting(self: Arc<Self>, mut writer: OwnedMutexGuard<Writer>) {
        writer.take_turn().await;
        let appends = self.take_waiting();
        let written = self.write(&mut writer.channel, &appends).await;
        for append in appends {
            // Whoever was stopped meanwhile does not wait.
            let _stopped = append.done.send(written.clone());
        }
    }

    async fn write(
        &self,
        slot: &mut Option<Channel>,
        appends: &[Append],
    ) -> Result<(), BrokerError> {
        // Taken out meanwhile: after an error or a timeout a late confirm could be taken for another batch's.
        let channel = match slot.take() {
            Some(channel) if channel.status().connected() => channel,
            _ => self.broker.confirm_channel().await?,
        };
        let entries: Vec<&Entry> = appends.iter().flat_map(|it| it.entries.iter()).collect();
        for batch in entries.chunks(BATCH) {
            // Awaited together, but first polled one after the other: that keeps their order.
            let confirms: FuturesOrdered<_> = batch
                .iter()
                .map(|entry| self.write_one(&channel, entry))
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

    async fn write_one(&self, channel: &Channel, entry: &Entry) -> lapin::Result<Confirmation> {
        let mut table = FieldTable::default();
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
