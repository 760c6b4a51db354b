//! Every exchange and queue, declared in one place, with the reason beside each flag.
//!
//! Declaring is idempotent and done by whoever comes first, so that no start order is needed. What exists already
//! with other settings is kept: a running queue must not be deleted to change a bound.

use chat_core::names::{self, Queue};
use lapin::options::{
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::depth::{self, Depth};
use super::{Broker, BrokerError, call};
use crate::config::RabbitConfig;

/// Most entries of the low queue.
const LOW_MAX_LENGTH: i64 = 100_000;
/// How long typing and presence are worth delivering.
const LOW_TTL_MILLIS: i64 = 10_000;
/// Priorities of the low queue: typing 1, presence 3.
const LOW_MAX_PRIORITY: i64 = 3;
/// How long dead letters are kept.
const DLQ_TTL_MILLIS: i64 = 7 * 24 * 3600 * 1000;
/// Most dead letters.
const DLQ_MAX_LENGTH: i64 = 1_000_000;
/// How long the event log reaches back.
const LOG_MAX_AGE: &str = "7D";
/// Most bytes of the event log on each broker node.
const LOG_MAX_BYTES: i64 = 20_000_000_000;
/// Bytes of one segment of the event log: the unit in which old entries go.
const LOG_SEGMENT_BYTES: i64 = 50_000_000;

/// Names of the exchanges and queues; the defaults are the contract's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueNames {
    /// Exchange of the jobs.
    pub exchange: String,
    /// Exchange of the dead letters.
    pub dlx: String,
    /// Prefix of the high partitions.
    pub high: String,
    /// Prefix of the medium partitions.
    pub medium: String,
    /// Queue of typing and presence.
    pub low: String,
    /// Dead letter queue.
    pub dlq: String,
    /// Exchange and stream of the event log.
    pub log: String,
}

impl Default for QueueNames {
    fn default() -> Self {
        Self {
            exchange: names::EXCHANGE.to_owned(),
            dlx: names::DLX_EXCHANGE.to_owned(),
            high: names::HIGH.to_owned(),
            medium: names::MEDIUM.to_owned(),
            low: names::LOW.to_owned(),
            dlq: names::DLQ.to_owned(),
            log: names::EVENT_LOG.to_owned(),
        }
    }
}

impl QueueNames {
    /// Name of one partition's queue; the low queue is not partitioned.
    pub fn partition(&self, queue: Queue, partition: u16) -> String {
        match queue {
            Queue::High => format!("{}.{partition}", self.high),
            Queue::Medium => format!("{}.{partition}", self.medium),
            Queue::Low => self.low.clone(),
        }
    }
}

/// Declares everything.
///
/// # Errors
/// [`BrokerError`] if the broker is away or forbids it.
pub async fn declare(broker: &Broker, config: &RabbitConfig) -> Result<(), BrokerError> {
    let mut topology = Topology {
        channel: broker.channel().await?,
        broker,
    };
    let names = &config.names;

    // Topic, so that tools may bind a copy of `high.*` without touching the workers' queues.
    topology
        .exchange(&names.exchange, ExchangeKind::Topic)
        .await?;
    // Direct: a dead letter has exactly one place to go.
    topology.exchange(&names.dlx, ExchangeKind::Direct).await?;
    // Topic: the routing key is the event's type, for consumers of a part of the log.
    topology.exchange(&names.log, ExchangeKind::Topic).await?;

    for queue in [Queue::High, Queue::Medium] {
        for partition in 0..config.partitions {
            let name = names.partition(queue, partition);
            topology.queue(&name, jobs(config.max_length)).await?;
            topology
                .bind(&name, &names.exchange, &queue.routing_key(partition))
                .await?;
        }
    }
    topology.queue(&names.low, low()).await?;
    topology
        .bind(&names.low, &names.exchange, &Queue::Low.routing_key(0))
        .await?;
    topology.queue(&names.dlq, dead_letters()).await?;
    topology.bind(&names.dlq, &names.dlx, &names.dlq).await?;
    topology.queue(&names.log, log()).await?;
    topology.bind(&names.log, &names.log, "#").await?;
    Ok(())
}

/// A partition beyond the present number.
pub type Leftover = (Queue, u16);

/// Partitions beyond the present number that an earlier, larger number left behind.
///
/// Gateways of before may still publish to them, so they are kept, and somebody has to go on consuming them.
///
/// # Errors
/// [`BrokerError`] if the broker is away.
pub async fn leftover_partitions(
    broker: &Broker,
    config: &RabbitConfig,
) -> Result<Vec<Leftover>, BrokerError> {
    let mut found = Vec::new();
    for queue in [Queue::High, Queue::Medium] {
        // A question about a missing queue closes the channel; partitions are made in a row, so one such is the end.
        let channel = broker.channel().await?;
        for partition in config.partitions..names::PARTITIONS_MAX {
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let name = config.names.partition(queue, partition);
            let asked = call(
                "ask for a partition",
                channel.queue_declare(name.into(), options, FieldTable::default()),
            )
            .await;
            match asked {
                Ok(_) => found.push((queue, partition)),
                Err(BrokerError::Refused(_)) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

/// Takes the bindings of leftover partitions away, so that nothing new comes into them; again and again is harmless.
///
/// # Errors
/// [`BrokerError`] if the broker is away.
pub async fn retire(
    broker: &Broker,
    config: &RabbitConfig,
    left: &[Leftover],
) -> Result<(), BrokerError> {
    let channel = broker.channel().await?;
    for (queue, partition) in left {
        let name = config.names.partition(*queue, *partition);
        call(
            "unbind a queue",
            channel.queue_unbind(
                name.into(),
                config.names.exchange.as_str().into(),
                queue.routing_key(*partition).into(),
                FieldTable::default(),
            ),
        )
        .await?;
    }
    Ok(())
}

/// How much is ready in leftover partitions and how many consumers they have, in their order; nothing for one that is
/// gone.
///
/// # Errors
/// [`BrokerError`] if the broker is away.
pub async fn depths(
    broker: &Broker,
    config: &RabbitConfig,
    left: &[Leftover],
) -> Result<Vec<Depth>, BrokerError> {
    let mut depths = Vec::with_capacity(left.len());
    let mut channel = broker.channel().await?;
    for (queue, partition) in left {
        match depth::ask(&channel, config.names.partition(*queue, *partition)).await {
            Ok(depth) => depths.push(depth),
            // The refusal has closed the channel.
            Err(BrokerError::Refused(_)) => channel = broker.channel().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(depths)
}

/// Deletes leftover partitions, which must be empty and retired.
///
/// # Errors
/// [`BrokerError`] if the broker is away.
pub async fn remove(
    broker: &Broker,
    config: &RabbitConfig,
    left: &[Leftover],
) -> Result<(), BrokerError> {
    let channel = broker.channel().await?;
    for (queue, partition) in left {
        let name = config.names.partition(*queue, *partition);
        let options = QueueDeleteOptions::default();
        call("delete a queue", channel.queue_delete(name.into(), options)).await?;
    }
    Ok(())
}

/// A partition of the high or the medium queue.
fn jobs(max_length: u64) -> FieldTable {
    let mut arguments = FieldTable::default();
    // Quorum: what was confirmed survives the loss of a node.
    text(&mut arguments, "x-queue-type", "quorum");
    // One consumer at a time works on a room's jobs, whatever the processors believe about their shares.
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    // A full queue refuses the publisher, who tells the client; dropping would lose what was acknowledged.
    number(
        &mut arguments,
        "x-max-length",
        max_length.try_into().unwrap_or(i64::MAX),
    );
    text(&mut arguments, "x-overflow", "reject-publish");
    // Unlimited: the default of 20 would drop a job after 20 crashes of its worker. Attempts are counted in a
    // header of ours, and only a worker decides that a job is dead.
    number(&mut arguments, "x-delivery-limit", -1);
    arguments
}

/// Typing and presence.
fn low() -> FieldTable {
    let mut arguments = FieldTable::default();
    // Classic: the messages are transient, and quorum queues have no priorities of this kind.
    text(&mut arguments, "x-queue-type", "classic");
    number(&mut arguments, "x-max-priority", LOW_MAX_PRIORITY);
    // Late typing is worthless: it expires, and when there is too much of it the oldest goes first.
    number(&mut arguments, "x-message-ttl", LOW_TTL_MILLIS);
    number(&mut arguments, "x-max-length", LOW_MAX_LENGTH);
    text(&mut arguments, "x-overflow", "drop-head");
    arguments
}

/// Jobs that failed for good.
fn dead_letters() -> FieldTable {
    let mut arguments = FieldTable::default();
    // Quorum: a dead letter is an acknowledged message that a person still has to look at.
    text(&mut arguments, "x-queue-type", "quorum");
    number(&mut arguments, "x-message-ttl", DLQ_TTL_MILLIS);
    // A bound for the disk; the oldest goes first, because refusing would hold up the lane of the newest.
    number(&mut arguments, "x-max-length", DLQ_MAX_LENGTH);
    // Looking at a dead letter counts as a delivery and must never be what removes it.
    number(&mut arguments, "x-delivery-limit", -1);
    arguments
}

/// The event log.
fn log() -> FieldTable {
    let mut arguments = FieldTable::default();
    // A stream keeps what was read, so each consumer group has its own place and can go back.
    text(&mut arguments, "x-queue-type", "stream");
    text(&mut arguments, "x-max-age", LOG_MAX_AGE);
    number(&mut arguments, "x-max-length-bytes", LOG_MAX_BYTES);
    number(
        &mut arguments,
        "x-stream-max-segment-size-bytes",
        LOG_SEGMENT_BYTES,
    );
    arguments
}

fn text(arguments: &mut FieldTable, key: &str, value: &str) {
    arguments.insert(key.into(), AMQPValue::LongString(value.into()));
}

fn number(arguments: &mut FieldTable, key: &str, value: i64) {
    arguments.insert(key.into(), AMQPValue::LongLongInt(value));
}

struct Topology<'a> {
    channel: Channel,
    broker: &'a Broker,
}

impl Topology<'_> {
    async fn exchange(&mut self, name: &str, kind: ExchangeKind) -> Result<(), BrokerError> {
        // Durable: bindings outlive a restart of the broker.
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let declared = call(
            "declare an exchange",
            self.channel
                .exchange_declare(name.into(), kind, options, FieldTable::default()),
        )
        .await;
        self.keep_what_exists(name, declared).await
    }

    async fn queue(&mut self, name: &str, arguments: FieldTable) -> Result<(), BrokerError> {
        // Durable even for the low queue: its messages are transient, but gateways publish to it at any time.
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let declared = call(
            "declare a queue",
            self.channel.queue_declare(name.into(), options, arguments),
        )
        .await
        .map(drop);
        self.keep_what_exists(name, declared).await
    }

    async fn bind(&mut self, queue: &str, exchange: &str, key: &str) -> Result<(), BrokerError> {
        call(
            "bind a queue",
            self.channel.queue_bind(
                queue.into(),
                exchange.into(),
                key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            ),
        )
        .await
    }

    /// A refused declaration closes the channel; what exists with other settings is used as it is.
    async fn keep_what_exists(
        &mut self,
        name: &str,
        declared: Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        match declared {
            Err(BrokerError::Refused(reason)) if reason.contains("PRECONDITION_FAILED") => {
                tracing::warn!(
                    name,
                    reason,
                    "exists on the broker with other settings and is kept as it is"
                );
                self.channel = self.broker.channel().await?;
                Ok(())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_of_jobs_never_expires_and_a_full_queue_drops_nothing() {
        let jobs = jobs(7);
        let has = |key: &str| jobs.inner().contains_key(key);
        assert!(!has("x-message-ttl") && !has("x-expires"));
        let overflow = jobs.inner().get("x-overflow");
        assert_eq!(
            overflow,
            Some(&AMQPValue::LongString("reject-publish".into()))
        );
    }
}
