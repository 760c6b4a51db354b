//! The consumer of one partition.
//!
//! All processors attach to all partitions; the broker serves only the one of the highest priority (single active
//! consumer). A processor therefore changes its share by changing priorities, and two never work on one room.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Poll;

use futures::{Stream, StreamExt, future};
use lapin::Channel;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{AMQPValue, FieldTable};

use super::delivery::Delivery;
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
/// Dropping it closes the channel: what is unacknowledged goes back to the queue.
pub struct Consumer {
    channel: Channel,
    options: ConsumeOptions,
    generation: u32,
    deliveries: lapin::Consumer,
    /// What the broker had sent already when the priority changed.
    leftover: VecDeque<Delivery>,
    end: Option<ConsumerEnd>,
}

impl Consumer {
    /// Attaches to a queue.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away or there is no such queue.
    pub async fn attach(broker: &Broker, options: ConsumeOptions) -> Result<Self, BrokerError> {
        let channel = broker.channel().await?;
        call(
            "set the prefetch",
            channel.basic_qos(options.prefetch, BasicQosOptions::default()),
        )
        .await?;
        let deliveries = consume(&channel, &options, 0).await?;
        Ok(Self {
            channel,
            options,
            generation: 0,
            deliveries,
            leftover: VecDeque::new(),
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

    /// The next delivery if it is here already: for filling a batch without waiting.
    pub fn next_ready(&mut self) -> Option<Result<Delivery, ConsumerEnd>> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match self.poll_next(&mut cx) {
            Poll::Ready(delivery) => Some(delivery),
            Poll::Pending => None,
        }
    }

    fn poll_next(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Result<Delivery, ConsumerEnd>> {
        if let Some(delivery) = self.leftover.pop_front() {
            return Poll::Ready(Ok(delivery));
        }
        if let Some(end) = &self.end {
            return Poll::Ready(Err(end.clone()));
        }
        let end = match Pin::new(&mut self.deliveries).poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(message))) => return Poll::Ready(Ok(message.into())),
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
    pub async fn ack_up_to(&self, tag: u64) -> Result<(), BrokerError> {
        self.ack_with(tag, true).await
    }

    /// Acknowledges one delivery.
    ///
    /// # Errors
    /// [`BrokerError`] if the channel is gone: then it will be delivered again.
    pub async fn ack(&self, tag: u64) -> Result<(), BrokerError> {
        self.ack_with(tag, false).await
    }

    async fn ack_with(&self, tag: u64, multiple: bool) -> Result<(), BrokerError> {
        call(
            "acknowledge",
            self.channel.basic_ack(tag, BasicAckOptions { multiple }),
        )
        .await
    }

    /// Gives every delivery up to and including `tag` back to the queue's head, in order.
    ///
    /// # Errors
    /// [`BrokerError`] if the channel is gone: then the broker does the same by itself.
    pub async fn give_back_up_to(&self, tag: u64) -> Result<(), BrokerError> {
        let options = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        call("give back", self.channel.basic_nack(tag, options)).await
    }

    /// Attaches again with another priority, on the same channel, so that unacknowledged deliveries stay ours.
    ///
    /// What the broker sent before is still yielded, first and in order.
    ///
    /// # Errors
    /// [`BrokerError`] if the channel is gone.
    pub async fn set_priority(&mut self, priority: i32) -> Result<(), BrokerError> {
        if priority == self.options.priority {
            return Ok(());
        }
        self.cancel().await?;
        self.options.priority = priority;
        self.generation = self.generation.wrapping_add(1);
        self.deliveries = consume(&self.channel, &self.options, self.generation).await?;
        Ok(())
    }

    /// Asks for nothing more, and yields what is here already through [`Consumer::next_ready`].
    ///
    /// # Errors
    /// [`BrokerError`] if the channel is gone.
    pub async fn stop(&mut self) -> Result<(), BrokerError> {
        self.cancel().await?;
        self.end = Some(ConsumerEnd::Cancelled);
        Ok(())
    }

    /// Closes the channel: what is unacknowledged goes back to the queue's head at once.
    pub async fn close(self) {
        // A channel that can't be closed is closed by its connection's end.
        drop(call("close a channel", self.channel.close(200, "done".into())).await);
    }

    async fn cancel(&mut self) -> Result<(), BrokerError> {
        let tag = self.deliveries.tag();
        call(
            "cancel a consumer",
            self.channel
                .basic_cancel(tag, BasicCancelOptions::default()),
        )
        .await?;
        // After the broker's answer nothing more comes; what came before it is buffered and must not be lost.
        while let Some(Some(Ok(message))) = future::poll_immediate(self.deliveries.next()).await {
            self.leftover.push_back(message.into());
        }
        Ok(())
    }
}

async fn consume(
    channel: &Channel,
    options: &ConsumeOptions,
    generation: u32,
) -> Result<lapin::Consumer, BrokerError> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-priority".into(), AMQPValue::LongInt(options.priority));
    call(
        "consume",
        channel.basic_consume(
            options.queue.as_str().into(),
            format!("{}#{generation}", options.name).into(),
            BasicConsumeOptions::default(),
            arguments,
        ),
    )
    .await
}
