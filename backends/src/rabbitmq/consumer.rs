//! The consumer of one partition.
//!
//! All processors attach to all partitions; the broker serves only one of them (single active consumer), the first
//! of the highest priority. A processor therefore changes its share by changing priorities, and two never work on
//! one room.
//!
//! Two of the protocol's tools are left out on purpose, because they break a room's order (seen on RabbitMQ 4.0):
//! `basic.cancel` lets the next consumer start while this one still holds deliveries, and `basic.nack` puts
//! deliveries at the queue's tail. Closing the channel does neither: the broker puts everything back at the head, in
//! order, and only then serves the next consumer.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::{Stream, future};
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::delivery::{Delivery, DeliveryTag};
use super::{Broker, BrokerError, call};

/// What to consume and how.
#[derive(Debug, Clone)]
pub struct ConsumeOptions {
    /// Name of the queue.
    pub queue: String,
    /// The broker serves the consumer of the highest priority.
    pub priority: i32,
    /// Deliveries that may be unacknowledged at a time.
    pub prefetch: u16,
    /// Who consumes, for the broker's management pages.
    pub name: String,
}

/// Why a consumer yields nothing any more.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConsumerEnd {
    /// The connection or the channel is gone; what was unacknowledged will be delivered again, here or elsewhere.
    #[error("the consumer's connection is gone: {0}")]
    Lost(String),
    /// The broker ended it, because the queue was deleted or its leader moved.
    #[error("the broker ended the consumer")]
    Cancelled,
}

/// A consumer of one queue on a channel of its own.
///
/// Dropping it closes the channel: what is unacknowledged goes back to the queue's head.
pub struct Consumer {
    options: ConsumeOptions,
    channel: Channel,
    deliveries: lapin::Consumer,
    end: Option<ConsumerEnd>,
}

impl Consumer {
    /// Attaches to a queue.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away or there is no such queue.
    pub async fn attach(broker: &Broker, options: ConsumeOptions) -> Result<Self, BrokerError> {
        let (channel, deliveries) = consume(broker, &options).await?;
        Ok(Self {
            options,
            channel,
            deliveries,
            end: None,
        })
    }

    /// The queue's name.
    pub fn queue(&self) -> &str {
        &self.options.queue
    }

    /// The current priority.
    pub fn priority(&self) -> i32 {
        self.options.priority
    }

    /// The next delivery, waiting for it; safe to cancel.
    ///
    /// # Errors
    /// [`ConsumerEnd`], from then on always.
    pub async fn next(&mut self) -> Result<Delivery, ConsumerEnd> {
        future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// `first` and what is here already, at most `most` deliveries in all.
    ///
    /// # Errors
    /// [`ConsumerEnd`].
    pub fn with_ready(
        &mut self,
        first: Delivery,
        most: usize,
    ) -> Result<Vec<Delivery>, ConsumerEnd> {
        let mut batch = vec![first];
        while batch.len() < most
            && let Some(delivery) = self.next_ready()
        {
            batch.push(delivery?);
        }
        Ok(batch)
    }

    /// The next delivery if it is here already.
    fn next_ready(&mut self) -> Option<Result<Delivery, ConsumerEnd>> {
        match self.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(delivery) => Some(delivery),
            Poll::Pending => None,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Delivery, ConsumerEnd>> {
        if let Some(end) = &self.end {
            return Poll::Ready(Err(end.clone()));
        }
        let end = match Pin::new(&mut self.deliveries).poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(message))) => {
                return Poll::Ready(Ok(message.into()));
            }
            Poll::Ready(Some(Err(error))) => ConsumerEnd::Lost(error.to_string()),
            Poll::Ready(None) if self.channel.status().connected() => ConsumerEnd::Cancelled,
            Poll::Ready(None) => ConsumerEnd::Lost("the channel was closed".to_owned()),
        };
        self.end = Some(end.clone());
        Poll::Ready(Err(end))
    }

    /// Acknowledges every delivery up to and including `tag`.
    ///
    /// # Errors
    /// [`BrokerError`] if the channel is gone: then all of them will be delivered again.
    pub async fn ack_up_to(&self, tag: DeliveryTag) -> Result<(), BrokerError> {
        self.ack_with(tag, true).await
    }

    /// Acknowledges one delivery.
    ///
    /// # Errors
    /// [`BrokerError`] if the channel is gone: then it will be delivered again.
    pub async fn ack(&self, tag: DeliveryTag) -> Result<(), BrokerError> {
        self.ack_with(tag, false).await
    }

    async fn ack_with(&self, tag: DeliveryTag, multiple: bool) -> Result<(), BrokerError> {
        call(
            "acknowledge",
            self.channel.basic_ack(tag, BasicAckOptions { multiple }),
        )
        .await
    }

    /// Gives everything unacknowledged back to the queue's head and yields nothing any more.
    ///
    /// To be called between batches, when all that was worked on is acknowledged: the broker may then serve another
    /// consumer at once. What had been delivered ahead is delivered again, wherever the partition is then, in order.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker did not answer: then it does the same at the connection's end.
    pub async fn detach(&mut self) -> Result<(), BrokerError> {
        self.end = Some(ConsumerEnd::Lost("it was detached".to_owned()));
        if self.channel.status().connected() {
            call("close a channel", self.channel.close(200, "done".into())).await?;
        }
        Ok(())
    }

    /// Detaches at the end, when it does not matter whether the broker answers.
    pub async fn close(mut self) {
        // A channel that can't be closed is closed by its connection's end.
        drop(self.detach().await);
    }
}

async fn consume(
    broker: &Broker,
    options: &ConsumeOptions,
) -> Result<(Channel, lapin::Consumer), BrokerError> {
    let channel = broker.channel().await?;
    call(
        "set the prefetch",
        channel.basic_qos(options.prefetch, BasicQosOptions::default()),
    )
    .await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-priority".into(), AMQPValue::LongInt(options.priority));
    let deliveries = call(
        "consume",
        channel.basic_consume(
            options.queue.as_str().into(),
            options.name.as_str().into(),
            BasicConsumeOptions::default(),
            arguments,
        ),
    )
    .await?;
    Ok((channel, deliveries))
}
