//! How much is waiting: what shedding and the statistics look at.

use chat_core::names::Queue;
use futures::future;
use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use super::{Broker, BrokerError, call};
use crate::config::RabbitConfig;

/// Ready messages and consumers of one logical queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that wait for a consumer.
    pub ready: u64,
    /// Attached consumers.
    pub consumers: u64,
}

/// The logical queues; the partitioned ones as their sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depths {
    /// Messages and calls.
    pub high: Depth,
    /// Group operations.
    pub medium: Depth,
    /// Typing and presence.
    pub low: Depth,
    /// Dead letters.
    pub dead: Depth,
}

/// Reads the depths on a channel of its own, which it opens again when needed.
#[derive(Debug, Default)]
pub struct DepthProbe {
    channel: Option<Channel>,
}

impl DepthProbe {
    /// Asks the broker for all queues at once; cheap enough for once a second.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away or a queue is missing. The caller must not take that for zero.
    pub async fn sample(
        &mut self,
        broker: &Broker,
        config: &RabbitConfig,
    ) -> Result<Depths, BrokerError> {
        let channel = match self.channel.take() {
            Some(channel) if channel.status().connected() => channel,
            _ => broker.channel().await?,
        };
        let depths = sample(&channel, config).await?;
        // Kept only after a success: a refused question has closed the channel.
        self.channel = Some(channel);
        Ok(depths)
    }
}

async fn sample(channel: &Channel, config: &RabbitConfig) -> Result<Depths, BrokerError> {
    let names = &config.names;
    let partitions = |queue| {
        let queues = (0..config.partitions).map(move |p| names.partition(queue, p));
        future::try_join_all(queues.map(|name| ask(channel, name)))
    };
    let (high, medium, low, dead) = future::try_join4(
        partitions(Queue::High),
        partitions(Queue::Medium),
        ask(channel, names.low.clone()),
        ask(channel, names.dlq.clone()),
    )
    .await?;
    Ok(Depths {
        high: sum(&high),
        medium: sum(&medium),
        low,
        dead,
    })
}

fn sum(parts: &[Depth]) -> Depth {
    parts.iter().fold(Depth::default(), |sum, part| Depth {
        ready: sum.ready + part.ready,
        consumers: sum.consumers + part.consumers,
    })
}

pub(super) async fn ask(channel: &Channel, queue: String) -> Result<Depth, BrokerError> {
    // Passive: asks about the queue without making it.
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let answer = call(
        "ask for a queue's depth",
        channel.queue_declare(queue.into(), options, FieldTable::default()),
    )
    .await?;
    Ok(Depth {
        ready: u64::from(answer.message_count()),
        consumers: u64::from(answer.consumer_count()),
    })
}
