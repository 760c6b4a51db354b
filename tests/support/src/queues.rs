//! Queues of a test's own on the shared broker.

use chat_backends::config::RabbitConfig;
use chat_backends::rabbitmq::topology::QueueNames;
use chat_core::names::Queue;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Channel, Connection, ConnectionProperties};
use uuid::Uuid;

use crate::variable;

/// Settings for the broker that `TEST_RABBITMQ_URL` names, with names that nobody else uses.
///
/// # Panics
/// If the variable is no address of a broker.
#[must_use]
pub fn config(partitions: u16) -> RabbitConfig {
    let mut config = RabbitConfig::from_url(variable("TEST_RABBITMQ_URL")).unwrap();
    config.partitions = partitions;
    config.names = own_names();
    config
}

/// Names that nobody else uses.
#[must_use]
pub fn own_names() -> QueueNames {
    let id = format!("test-{}", Uuid::new_v4().simple());
    QueueNames {
        exchange: format!("{id}.events"),
        dlx: format!("{id}.dlx"),
        high: format!("{id}.high"),
        medium: format!("{id}.medium"),
        low: format!("{id}.low"),
        dlq: format!("{id}.dlq"),
        log: format!("{id}.log"),
    }
}

/// A channel of the driver's own, for what the adapters rightly can't do.
///
/// # Panics
/// If the broker is away.
pub async fn raw_channel() -> Channel {
    Connection::connect(
        &variable("TEST_RABBITMQ_URL"),
        ConnectionProperties::default(),
    )
    .await
    .unwrap()
    .create_channel()
    .await
    .unwrap()
}

/// Deletes the queues and exchanges of these names.
///
/// # Panics
/// If the broker is away.
pub async fn remove(names: &QueueNames, partitions: u16) {
    let channel = raw_channel().await;
    let partitioned = (0..partitions).flat_map(|number| {
        [
            names.partition(Queue::High, number),
            names.partition(Queue::Medium, number),
        ]
    });
    for queue in partitioned.chain([names.low.clone(), names.dlq.clone(), names.log.clone()]) {
        channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await
            .unwrap();
    }
    for exchange in [&names.exchange, &names.dlx, &names.log] {
        channel
            .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
            .await
            .unwrap();
    }
}
