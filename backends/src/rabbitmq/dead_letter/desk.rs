//! Looking at dead letters, replaying and removing them.
//!
//! The desk takes letters from the queue without acknowledging them and lets the broker put back, in their old
//! order, whatever was not dealt with. A crash in between loses nothing; two desks at work see different letters.

use std::time::Duration;

use chat_core::names;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;

use super::{ConfirmedChannel, DeadLetter, headers, job_headers};
use crate::config::RabbitConfig;
use crate::rabbitmq::{Broker, BrokerError, call};

/// How long kept letters may take to be back on the queue.
const PUT_BACK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often it is looked whether they are.
const PUT_BACK_POLL: Duration = Duration::from_millis(10);

/// Most letters that are taken at a time: they are held in memory until the end.
const TAKE_MAX: usize = 10_000;

/// What a replay did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Message ids of the letters that are on their queue again and gone from the dead letters.
    pub replayed: Vec<String>,
    /// Letters that were looked at and left.
    pub left: usize,
    /// Why it stopped early; the letter concerned and all after it are still dead letters.
    pub stopped: Option<String>,
}

/// Looks at dead letters.
pub struct DeadLetterDesk {
    broker: Broker,
    exchange: String,
    queue: String,
    publisher: ConfirmedChannel,
}

impl DeadLetterDesk {
    /// Sits down at the dead letter queue.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away.
    pub async fn open(broker: &Broker, config: &RabbitConfig) -> Result<Self, BrokerError> {
        Ok(Self {
            broker: broker.clone(),
            exchange: config.names.exchange.clone(),
            queue: config.names.dlq.clone(),
            publisher: ConfirmedChannel::open(broker).await?,
        })
    }

    /// The oldest letters, up to `limit`; all of them stay where they are.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away.
    pub async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, BrokerError> {
        let mut seen = Vec::new();
        self.each(limit, async |_, letter| {
            seen.push(letter);
            Ok(Verdict::Keep)
        })
        .await?;
        Ok(seen)
    }

    /// The letter of this job, if it is among the oldest `limit`.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away.
    pub async fn show(
        &self,
        message_id: &str,
        limit: usize,
    ) -> Result<Option<DeadLetter>, BrokerError> {
        let mut letters = self.list(limit).await?;
        Ok(letters
            .iter()
            .position(|letter| letter.has_id(message_id))
            .map(|index| letters.swap_remove(index)))
    }

    /// Publishes letters to the routing key that they first came by, and removes each once the broker has confirmed
    /// it there. A crash in between leaves a letter in both places, which the job's id makes harmless.
    ///
    /// `only`: just this message id; otherwise the oldest `limit`.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker goes away; what was done by then is done.
    pub async fn replay(&self, only: Option<&str>, limit: usize) -> Result<Replayed, BrokerError> {
        let mut report = Replayed::default();
        self.each(limit, async |channel, letter| {
            if only.is_some_and(|id| !letter.has_id(id)) {
                report.left += 1;
                return Ok(Verdict::Keep);
            }
            match self.publish(&letter).await {
                Ok(()) => {
                    remove(channel, letter.delivery.tag).await?;
                    report
                        .replayed
                        .push(letter.delivery.message_id.unwrap_or_default());
                    Ok(Verdict::Removed)
                }
                Err(error) => {
                    report.left += 1;
                    report.stopped = Some(error.to_string());
                    Ok(Verdict::Stop)
                }
            }
        })
        .await?;
        Ok(report)
    }

    /// Removes the letter of one job for good, and says whether it was among the oldest `limit`.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away.
    pub async fn remove(&self, message_id: &str, limit: usize) -> Result<bool, BrokerError> {
        let mut removed = false;
        self.each(limit, async |channel, letter| {
            if !letter.has_id(message_id) {
                return Ok(Verdict::Keep);
            }
            remove(channel, letter.delivery.tag).await?;
            removed = true;
            Ok(Verdict::Removed)
        })
        .await?;
        Ok(removed)
    }

    /// Removes all dead letters for good; returns how many there were.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker is away.
    pub async fn purge(&self) -> Result<u64, BrokerError> {
        let channel = self.broker.channel().await?;
        let count = call(
            "purge the dead letters",
            channel.queue_purge(self.queue.as_str().into(), QueuePurgeOptions::default()),
        )
        .await?;
        Ok(u64::from(count))
    }

    async fn publish(&self, letter: &DeadLetter) -> Result<(), BrokerError> {
        let mut table = job_headers(&letter.delivery);
        // A replay gets all its attempts again.
        headers::set_number(&mut table, names::HEADER_ATTEMPT, 0);
        self.publisher
            .publish(&self.exchange, &letter.routing_key, &letter.delivery, table)
            .await
    }

    /// Takes up to `limit` letters, oldest first, on a channel whose end puts back what was not removed.
    async fn each(
        &self,
        limit: usize,
        deal: impl AsyncFnMut(&Channel, DeadLetter) -> Result<Verdict, BrokerError>,
    ) -> Result<(), BrokerError> {
        let channel = self.broker.channel().await?;
        let dealt = self.deal_out(&channel, limit, deal).await;
        if channel.status().connected() {
            call("close a channel", channel.close(200, "done".into())).await?;
        }
        self.wait_for(dealt?).await
    }

    /// Returns how many letters were kept.
    async fn deal_out(
        &self,
        channel: &Channel,
        limit: usize,
        mut deal: impl AsyncFnMut(&Channel, DeadLetter) -> Result<Verdict, BrokerError>,
    ) -> Result<u32, BrokerError> {
        let mut kept = 0;
        for _ in 0..limit.min(TAKE_MAX) {
            let get = channel.basic_get(self.queue.as_str().into(), BasicGetOptions::default());
            let Some(message) = call("take a dead letter", get).await? else {
                break;
            };
            match deal(channel, DeadLetter::read(message.delivery)).await? {
                Verdict::Removed => {}
                Verdict::Keep => kept += 1,
                Verdict::Stop => return Ok(kept + 1),
            }
        }
        Ok(kept)
    }

    /// Waits until the kept letters are back on the queue, which the broker does a moment after the channel's end:
    /// whoever looks next is to see them. Somebody else may have taken them, so it is not waited for long.
    async fn wait_for(&self, kept: u32) -> Result<(), BrokerError> {
        let channel = self.broker.channel().await?;
        let deadline = tokio::time::Instant::now() + PUT_BACK_TIMEOUT;
        loop {
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let ask =
                channel.queue_declare(self.queue.as_str().into(), options, FieldTable::default());
            let queue = call("count the dead letters", ask).await?;
            if queue.message_count() >= kept || tokio::time::Instant::now() > deadline {
                return Ok(());
            }
            tokio::time::sleep(PUT_BACK_POLL).await;
        }
    }
}

/// What happens after a letter was dealt with.
enum Verdict {
    Removed,
    Keep,
    /// Keep it, and take no more.
    Stop,
}

async fn remove(channel: &Channel, tag: u64) -> Result<(), BrokerError> {
    call(
        "remove a dead letter",
        channel.basic_ack(tag, BasicAckOptions::default()),
    )
    .await
}

impl DeadLetter {
    fn has_id(&self, message_id: &str) -> bool {
        self.delivery.message_id.as_deref() == Some(message_id)
    }
}
