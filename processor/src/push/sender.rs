//! Sending what is due: once to each browser whose user is not online, again after a while if its push service asks for it,
//! and not for ever.

use std::time::Duration;

use chat_backends::postgres::push::deliveries::{self, Delivery};
use chat_backends::redis::presence;
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use futures::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;

use super::client::{Answer, Client, SendError};
use super::encryption::{self, BrowserKeys, EncryptionError};
use super::endpoint::{BadEndpoint, Endpoint};
use super::vapid::Vapid;
use crate::context::Context;

/// Between two looks when nothing is due.
const EVERY: Duration = Duration::from_secs(1);
/// Deliveries of one round, and those of them that are under way at a time.
const BATCH: i64 = 100;
const AT_ONCE: usize = 16;
/// After this long somebody else may send what one of us took.
const LEASE: Duration = Duration::from_secs(60);
/// Tries before a notification is given up.
const TRIES: i32 = 5;
/// The wait after the first failure; each next one is four times as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// Sends notifications.
#[derive(Clone)]
pub struct Sender {
    /// The stores.
    pub context: Context,
    /// Who we are for the push services.
    pub vapid: Vapid,
    /// The way to them.
    pub client: Client,
}

/// What becomes of a delivery.
enum Outcome {
    Done,
    Gone,
    Again(Duration),
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Endpoint(#[from] BadEndpoint),
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Sender {
    /// Sends until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let rounds = async {
            loop {
                match self.round().await {
                    Ok(sent) if sent == BATCH.unsigned_abs() => {}
                    Ok(_) => tokio::time::sleep(EVERY).await,
                    Err(error) => {
                        tracing::warn!(%error, "notifications wait");
                        tokio::time::sleep(EVERY).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(rounds).await;
    }

    async fn round(&self) -> Result<u64, sqlx::Error> {
        let now = Timestamp::now();
        let due = deliveries::take_due(&self.context.pg, BATCH, now, now + LEASE).await?;
        let count = u64::try_from(due.len()).unwrap_or(u64::MAX);
        if due.is_empty() {
            return Ok(0);
        }
        let online = self.online(&due).await;
        // Whoever is there has seen it, or sees it in a moment.
        let (there, away): (Vec<Delivery>, Vec<Delivery>) = due
            .into_iter()
            .partition(|delivery| online.contains(&delivery.subscription.user_id));
        let there: Vec<i64> = there.iter().map(|delivery| delivery.id).collect();
        deliveries::finish(&self.context.pg, &there).await?;
        let settled: Vec<Result<(), sqlx::Error>> = stream::iter(away)
            .map(|delivery| {
                let sender = self.clone();
                async move { sender.deliver(&delivery).await }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        settled.into_iter().collect::<Result<(), _>>()?;
        Ok(count)
    }

    async fn online(&self, due: &[Delivery]) -> Vec<UserId> {
        let mut users: Vec<UserId> = due.iter().map(|it| it.subscription.user_id).collect();
        users.sort_unstable();
        users.dedup();
        presence::online_among(&self.context.redis, &users)
            .await
            .unwrap_or_else(|error| {
                // Rather one notification too many than one too few.
                tracing::warn!(%error, "who is online is unknown; all are notified");
                Vec::new()
            })
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<(), sqlx::Error> {
        let pg = &self.context.pg;
        let outcome = match self.send(delivery).await {
            Ok(Answer::Taken) => Outcome::Done,
            Ok(Answer::Gone) => Outcome::Gone,
            Ok(Answer::Refused(status)) => {
                tracing::warn!(%status, subscription = %delivery.subscription.id, "a push service refused a notification");
                Outcome::Done
            }
            Ok(Answer::Later(wait)) => again(delivery.attempts, wait),
            Err(Failed::Send(
                error @ (SendError::Io(_) | SendError::Http(_) | SendError::Timeout(_)),
            )) => {
                tracing::debug!(%error, subscription = %delivery.subscription.id, "a notification was not sent");
                again(delivery.attempts, None)
            }
            Err(error) => {
                tracing::warn!(%error, subscription = %delivery.subscription.id, "a subscription can't be used");
                Outcome::Gone
            }
        };
        match outcome {
            Outcome::Done => deliveries::finish(pg, &[delivery.id]).await,
            Outcome::Gone => deliveries::drop_subscription(pg, delivery.subscription.id).await,
            Outcome::Again(wait) => {
                deliveries::put_off(pg, delivery.id, Timestamp::now() + wait).await
            }
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<Answer, Failed> {
        let subscription = &delivery.subscription;
        let endpoint = Endpoint::parse(&subscription.endpoint, self.client.reach())?;
        let browser = BrowserKeys::parse(&subscription.p256dh, &subscription.auth)?;
        let body = encryption::encrypt(&browser, delivery.payload.as_bytes())?;
        let proof = self.vapid.authorization(&endpoint.origin, Timestamp::now());
        Ok(self.client.send(&endpoint, &proof, body).await?)
    }
}

fn again(attempts: i32, asked: Option<Duration>) -> Outcome {
    if attempts >= TRIES {
        return Outcome::Done;
    }
    let exponent = u32::try_from(attempts - 1).unwrap_or_default();
    let wait = FIRST_WAIT * 4_u32.saturating_pow(exponent);
    Outcome::Again(asked.unwrap_or_default().max(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_tried_five_times_at_growing_intervals() {
        let waits: Vec<Option<u64>> = (1..=5)
            .map(|attempts| match again(attempts, None) {
                Outcome::Again(wait) => Some(wait.as_secs()),
                _ => None,
            })
            .collect();
        assert_eq!(waits, [Some(30), Some(120), Some(480), Some(1920), None]);
        let asked = again(1, Some(Duration::from_secs(600)));
        assert!(matches!(asked, Outcome::Again(wait) if wait.as_secs() == 600));
    }
}
