//! Reading the event log from any place: what a consumer group does, without taking anything from another.

use std::time::Duration;

use chat_core::time::Timestamp;
use futures::StreamExt;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::time::{Instant, timeout_at};

use super::consumer::ConsumerEnd;
use super::{Broker, BrokerError, call, headers};
use crate::config::RabbitConfig;

/// Where in the log each message stands, as the broker says it.
const HEADER_OFFSET: &str = "x-stream-offset";

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At this entry, or at the first that is left.
    Offset(i64),
    /// At the entries of this time; some earlier ones may come too.
    Time(Timestamp),
}

/// An entry as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place.
    pub offset: i64,
    /// The event as JSON.
    pub body: Vec<u8>,
}

/// Reads the log, forward from one place.
pub struct LogReader {
    channel: Channel,
    deliveries: lapin::Consumer,
    last_tag: u64,
    /// Of a batch that is not full yet: kept here, so that nothing is lost with a caller who stops waiting for the rest.
    batch: Vec<Logged>,
}

impl LogReader {
    /// Begins to read; `ahead` entries may be on their way at a time.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away or there is no log.
    pub async fn attach(
        broker: &Broker,
        config: &RabbitConfig,
        name: &str,
        from: From,
        ahead: u16,
    ) -> Result<Self, BrokerError> {
        let channel = broker.channel().await?;
        call(
            "set the prefetch",
            channel.basic_qos(ahead, BasicQosOptions::default()),
        )
        .await?;
        let mut arguments = FieldTable::default();
        let start = match from {
            From::Offset(offset) => AMQPValue::LongLongInt(offset.max(0)),
            From::Time(time) => {
                AMQPValue::Timestamp(u64::try_from(time.unix_seconds()).unwrap_or_default())
            }
        };
        arguments.insert("x-stream-offset".into(), start);
        let deliveries = call(
            "read the event log",
            channel.basic_consume(
                config.names.log.as_str().into(),
                name.into(),
                BasicConsumeOptions::default(),
                arguments,
            ),
        )
        .await?;
        Ok(Self {
            channel,
            deliveries,
            last_tag: 0,
            batch: Vec::new(),
        })
    }

    /// The next entries: at least one, waiting for it, then up to `most` of those that come within `linger`. Whoever gives
    /// up waiting gets the same entries from the next call.
    ///
    /// # Errors
    /// [`ConsumerEnd`] if the connection is gone or the log was deleted.
    pub async fn next_batch(
        &mut self,
        most: usize,
        linger: Duration,
    ) -> Result<Vec<Logged>, ConsumerEnd> {
        if self.batch.is_empty() {
            let first = self.next().await?;
            self.batch.push(first);
        }
        let until = Instant::now() + linger;
        while self.batch.len() < most {
            match timeout_at(until, self.next()).await {
                Ok(entry) => self.batch.push(entry?),
                Err(_) => break,
            }
        }
        Ok(std::mem::take(&mut self.batch))
    }

    /// Lets the broker send more; the place is the caller's to remember.
    ///
    /// # Errors
    /// [`BrokerError`] if the connection is gone.
    pub async fn release(&self) -> Result<(), BrokerError> {
        let options = BasicAckOptions { multiple: true };
        call(
            "release log entries",
            self.channel.basic_ack(self.last_tag, options),
        )
        .await
    }

    async fn next(&mut self) -> Result<Logged, ConsumerEnd> {
        match self.deliveries.next().await {
            Some(Ok(message)) => {
                self.last_tag = message.delivery_tag;
                Ok(Logged {
                    offset: headers::number(&message.properties, HEADER_OFFSET).unwrap_or_default(),
                    body: message.data,
                })
            }
            Some(Err(error)) => Err(ConsumerEnd::Lost(error.to_string())),
            None if self.channel.status().connected() => Err(ConsumerEnd::Cancelled),
            None => Err(ConsumerEnd::Lost("the channel was closed".to_owned())),
        }
    }
}
