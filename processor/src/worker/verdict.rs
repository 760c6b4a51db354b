//! What becomes of a job that failed: another try later, or the dead letter queue.

use std::time::Duration;

use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::dead_letter::{DeadLetters, Death};
use chat_backends::rabbitmq::delivery::Delivery;
use chat_backends::redis::attempts::{self, Attempts};
use chat_core::time::Timestamp;

use super::partition::Item;
use super::{SessionEnd, Worker};
use crate::failure::Failure;
use crate::order;

/// What becomes of a failed job.
pub(super) enum Verdict {
    /// To be tried again after this wait.
    Wait(Item, Duration),
    /// In the dead letter queue: its sender is to be told, then it may be acknowledged.
    Buried(Item),
}

/// Judges failed jobs.
pub(super) struct Judge {
    worker: Worker,
    broker: Broker,
}

impl Judge {
    pub(super) fn new(worker: Worker, broker: Broker) -> Self {
        Self { worker, broker }
    }

    /// Retry or dead letter.
    pub(super) async fn judge(
        &self,
        mut item: Item,
        failure: &Failure,
    ) -> Result<Verdict, SessionEnd> {
        let attempts = self.count(&item).await;
        item.failures = Some(attempts);
        let wait = match failure {
            Failure::Reject(_) => None,
            Failure::Job(_) | Failure::Unavailable(_) => {
                self.worker.ladder.wait_after(attempts.count)
            }
        };
        let (job, count) = (item.job.job_id, attempts.count);
        if let Some(step) = &item.step {
            step.fail(failure.to_string());
        }
        if let Some(wait) = wait {
            tracing::warn!(%job, attempts = count, wait_ms = wait.as_millis(), %failure, "a job fails; its room waits");
            if let Err(error) = attempts::write(&self.worker.context.redis, job, attempts).await {
                tracing::debug!(%error, %job, "a failure is only noted here");
            }
            return Ok(Verdict::Wait(item, wait));
        }
        tracing::error!(%job, attempts = count, %failure, "a job is dead-lettered");
        self.bury(&item.delivery, &failure.to_string(), attempts)
            .await?;
        // A replay gets the whole ladder again.
        if let Err(error) = attempts::forget(&self.worker.context.redis, job).await {
            tracing::debug!(%error, %job, "the note of a job's failures will run out by itself");
        }
        order::given_up(&self.worker.context, &item.job).await;
        Ok(Verdict::Buried(item))
    }

    /// Dead-letters what is not a job at all.
    pub(super) async fn refuse(&self, delivery: &Delivery, reason: &str) -> Result<(), SessionEnd> {
        tracing::error!(job = ?delivery.message_id, reason, "what came is no job of ours; it is dead-lettered");
        let attempts = Attempts {
            count: 0,
            first_failed: Timestamp::now(),
        };
        self.bury(delivery, reason, attempts).await
    }

    /// The failures of a job with the one that just happened. Those of an earlier owner count too.
    async fn count(&self, item: &Item) -> Attempts {
        let mut earlier = item.failures;
        if earlier.is_none() && item.delivery.redelivered {
            let noted = attempts::read(&self.worker.context.redis, item.job.job_id).await;
            earlier = noted.unwrap_or_else(|error| {
                tracing::debug!(%error, "earlier failures are unknown");
                None
            });
        }
        let earlier = earlier.unwrap_or_else(|| Attempts {
            count: item.delivery.attempt,
            first_failed: Timestamp::now(),
        });
        Attempts {
            count: earlier.count.saturating_add(1),
            ..earlier
        }
    }

    async fn bury(
        &self,
        delivery: &Delivery,
        reason: &str,
        attempts: Attempts,
    ) -> Result<(), SessionEnd> {
        let death = Death {
            reason: reason.to_owned(),
            attempts: attempts.count,
            first_failed: attempts.first_failed,
            last_failed: Timestamp::now(),
        };
        // Dead letters are rare: a channel for each costs less than one kept open for every partition.
        let graves = DeadLetters::open(&self.broker, &self.worker.rabbitmq).await?;
        Ok(graves.bury(delivery, &death).await?)
    }
}
