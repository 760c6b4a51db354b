//! The way into the event log of what has no queue: what was left in Postgres is appended by a processor.
//!
//! An act of the queues is logged before it is acknowledged, so the queue is its outbox. A direct act (REST, or the broker
//! away) and what the consumer groups derive have no queue: their entries are stored with them, and appended here, at least
//! once; readers count an entry once.

use std::sync::Arc;
use std::time::Duration;

use chat_backends::config::RabbitConfig;
use chat_backends::postgres::{PgPool, outbox};
use chat_backends::rabbitmq::event_log::{Entry, EventLog};
use chat_backends::rabbitmq::{Broker, BrokerError, topology};
use chat_core::event::DomainEvent;
use chat_core::job::Job;
use chat_core::time::Timestamp;
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::effects::Effect;
use crate::{domain_events, trace};

/// Between two looks at an empty outbox.
const EVERY: Duration = Duration::from_secs(1);
/// Most entries of one round.
const BATCH: i64 = 500;

/// Why a round failed; the entries stay where they are.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Stores what the log is to keep of what is done here, in its own transaction.
pub(crate) async fn put(
    connection: &mut PgConnection,
    events: &[DomainEvent],
) -> Result<(), sqlx::Error> {
    let entries: Vec<String> = events.iter().map(DomainEvent::encode).collect();
    outbox::put(connection, &entries, trace::current().as_deref()).await
}

/// The same for a job and its effects.
pub(crate) async fn put_job(
    connection: &mut PgConnection,
    job: &Job,
    effects: &[Effect],
) -> Result<(), sqlx::Error> {
    put(
        connection,
        &domain_events::of_job(job, effects, Timestamp::now()),
    )
    .await
}

/// Empties the outbox into the log until `stop`. Every processor does; one at a time works.
pub async fn run(
    pool: PgPool,
    rabbitmq: Arc<RabbitConfig>,
    name: Arc<str>,
    stop: CancellationToken,
) {
    let mut log = None;
    let rounds = async {
        loop {
            match round(&pool, &rabbitmq, &name, &mut log).await {
                Ok(appended) if appended == BATCH.unsigned_abs() => continue,
                Ok(_) => {}
                Err(error) => {
                    log = None;
                    tracing::warn!(%error, "the outbox waits");
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    stop.run_until_cancelled(rounds).await;
    if let Some((broker, _)) = log {
        broker.close().await;
    }
}

async fn round(
    pool: &PgPool,
    rabbitmq: &RabbitConfig,
    name: &str,
    log: &mut Option<(Broker, EventLog)>,
) -> Result<u64, RoundError> {
    let mut transaction = pool.begin().await?;
    let waiting = outbox::hold(&mut transaction, BATCH).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let entries: Arc<[Entry]> = waiting
        .iter()
        .filter_map(|waiting| {
            let event: DomainEvent = serde_json::from_str(&waiting.entry)
                .inspect_err(|error| {
                    tracing::error!(%error, place = waiting.place, "an entry of the outbox can't be read and is left out");
                })
                .ok()?;
            Some(domain_events::entry(&event, waiting.traceparent.as_deref()))
        })
        .collect();
    if log.is_none() {
        let broker = Broker::connect(rabbitmq, &format!("{name} outbox")).await?;
        topology::declare(&broker, rabbitmq).await?;
        let opened = EventLog::open(&broker, rabbitmq).await?;
        *log = Some((broker, opened));
    }
    if let Some((_, log)) = log {
        log.append(&entries).await?;
    }
    let places: Vec<i64> = waiting.iter().map(|waiting| waiting.place).collect();
    outbox::remove(&mut *transaction, &places).await?;
    transaction.commit().await?;
    Ok(u64::try_from(places.len()).unwrap_or(u64::MAX))
}
