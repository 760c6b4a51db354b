//! Following the log for one group: lead, read, keep, remember the place.

use std::sync::Arc;
use std::time::Duration;

use chat_backends::config::RabbitConfig;
use chat_backends::postgres::event_groups::{self, Position};
use chat_backends::rabbitmq::consumer::ConsumerEnd;
use chat_backends::rabbitmq::log_reader::{From, LogReader, Logged};
use chat_backends::rabbitmq::{Broker, BrokerError, topology};
use chat_core::event::DomainEvent;
use chat_core::ids::EventId;
use chat_core::time::Timestamp;
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::Group;
use crate::failure::Failure;

/// Most entries of one transaction.
const BATCH: usize = 500;
/// Entries that the broker may send ahead.
const AHEAD: u16 = 2000;
/// How long a batch may wait to become fuller.
const LINGER: Duration = Duration::from_millis(50);
/// How often a group that has nothing to read looks whether it was sent elsewhere.
const LOOK: Duration = Duration::from_secs(2);
/// How long those who do not lead, or lost a backend, wait.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a transaction may take before its connection is given up, and with it the lead.
const TRANSACTION: Duration = Duration::from_secs(30);

/// Follows the log for one group.
pub(super) struct Follower {
    pub(super) group: Group,
    pub(super) pool: PgPool,
    pub(super) rabbitmq: Arc<RabbitConfig>,
    pub(super) name: Arc<str>,
}

/// Why a group stopped reading.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Consumer(#[from] ConsumerEnd),
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("a transaction did not end")]
    Stuck(#[from] tokio::time::error::Elapsed),
}

/// What came of a batch.
enum Kept {
    /// It is kept; the group stands here now.
    UpTo(i64),
    /// Somebody sent the group elsewhere.
    Elsewhere,
}

impl Follower {
    pub(super) async fn run(self, stop: CancellationToken) {
        let group = self.group.name();
        while !stop.is_cancelled() {
            if let Some(Err(end)) = stop.run_until_cancelled(self.lead()).await {
                tracing::warn!(group, %end, "a consumer group pauses");
            }
            stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    }

    /// Leads the group until something ends it; returns at once if another processor leads.
    async fn lead(&self) -> Result<(), End> {
        // Taken out of the pool: the lead is tied to the connection and ends with it.
        let mut connection = self.pool.acquire().await?.detach();
        if !event_groups::try_lead(&mut connection, self.group.name()).await? {
            connection.close().await?;
            return Ok(());
        }
        let name = format!("{} {}", self.name, self.group.name());
        let broker = Broker::connect(&self.rabbitmq, &name).await?;
        topology::declare(&broker, &self.rabbitmq).await?;
        tracing::info!(group = self.group.name(), "this processor leads the group");
        let end = loop {
            if let Err(end) = self.follow(&mut connection, &broker).await {
                break end;
            }
        };
        broker.close().await;
        Err(end)
    }

    /// Reads from the group's place until it is sent elsewhere.
    async fn follow(&self, connection: &mut PgConnection, broker: &Broker) -> Result<(), End> {
        let mut place = self.place(connection).await?;
        let from = match place.from_time {
            Some(time) => From::Time(time),
            None => From::Offset(place.next_offset),
        };
        let name = self.group.name();
        let mut reader = LogReader::attach(broker, &self.rabbitmq, name, from, AHEAD).await?;
        loop {
            let read = reader.next_batch(BATCH, LINGER);
            let Ok(batch) = tokio::time::timeout(LOOK, read).await else {
                if self.place(connection).await? == place {
                    continue;
                }
                return Ok(());
            };
            let batch = batch?;
            let keeping = self.keep(connection, &batch, place);
            match tokio::time::timeout(TRANSACTION, keeping).await?? {
                Kept::UpTo(next_offset) => {
                    place = Position {
                        next_offset,
                        from_time: None,
                    };
                }
                Kept::Elsewhere => return Ok(()),
            }
            reader.release().await?;
        }
    }

    async fn place(&self, connection: &mut PgConnection) -> Result<Position, End> {
        let mut transaction = connection.begin().await?;
        let place =
            event_groups::lock(&mut transaction, self.group.name(), Timestamp::now()).await?;
        transaction.commit().await?;
        Ok(place)
    }

    /// Keeps a batch; if that fails for a reason of its own, one by one, leaving out what fails.
    async fn keep(
        &self,
        connection: &mut PgConnection,
        batch: &[Logged],
        place: Position,
    ) -> Result<Kept, End> {
        match self.keep_together(connection, batch, place, true).await {
            Err(End::Failed(Failure::Job(_) | Failure::Reject(_))) => {}
            other => return other,
        }
        let mut place = place;
        for entry in batch {
            let one = std::slice::from_ref(entry);
            let kept = match self.keep_together(connection, one, place, true).await {
                Err(End::Failed(failure @ (Failure::Job(_) | Failure::Reject(_)))) => {
                    let (group, offset) = (self.group.name(), entry.offset);
                    tracing::error!(group, offset, %failure, "a consumer group leaves an event out");
                    self.keep_together(connection, one, place, false).await?
                }
                other => other?,
            };
            match kept {
                Kept::UpTo(next_offset) => {
                    place = Position {
                        next_offset,
                        from_time: None,
                    };
                }
                Kept::Elsewhere => return Ok(Kept::Elsewhere),
            }
        }
        Ok(Kept::UpTo(place.next_offset))
    }

    async fn keep_together(
        &self,
        connection: &mut PgConnection,
        batch: &[Logged],
        place: Position,
        handled: bool,
    ) -> Result<Kept, End> {
        let (group, now) = (self.group.name(), Timestamp::now());
        let mut transaction = connection.begin().await?;
        if event_groups::lock(&mut transaction, group, now).await? != place {
            return Ok(Kept::Elsewhere);
        }
        let mut events: Vec<DomainEvent> = Vec::with_capacity(batch.len());
        for entry in batch {
            match serde_json::from_slice::<DomainEvent>(&entry.body) {
                Ok(event) if !self.group.wants(event.event_type) => {}
                Ok(event) => events.push(event),
                // A newer processor's; the group's newer version reads it in a replay.
                Err(error) => {
                    tracing::warn!(group, offset = entry.offset, %error, "an unknown event is passed over");
                }
            }
        }
        let ids: Vec<EventId> = events.iter().map(|event| event.event_id).collect();
        let mut fresh = event_groups::claim(&mut *transaction, group, &ids, now).await?;
        // Removed when met, so that an event that is in the batch twice is handled once.
        events.retain(|event| fresh.remove(&event.event_id));
        if handled && !events.is_empty() {
            self.group.handle(&mut transaction, &events).await?;
        }
        let next = batch
            .last()
            .map_or(place.next_offset, |last| last.offset + 1);
        event_groups::advance(&mut *transaction, group, next, now).await?;
        transaction.commit().await?;
        Ok(Kept::UpTo(next))
    }
}
