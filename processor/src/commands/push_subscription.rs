//! Subscribing a browser to Web Push, and ending that.

use chat_backends::postgres::push::{self, PushSubscription};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::PushSubscriptionId;
use chat_core::time::Timestamp;
use serde::Deserialize;

use crate::actor::Actor;
use crate::context::Context;
use crate::failure::unavailable;
use crate::push::encryption::{BrowserKeys, EncryptionError};
use crate::push::endpoint::{Endpoint, Reach};

/// Most browsers of a user; the oldest gives way.
const MOST: i64 = 10;

/// The W3C `PushSubscription` as a browser writes it.
#[derive(Debug, Clone, Deserialize)]
pub struct Subscribe {
    /// The push service's address for this browser.
    pub endpoint: String,
    /// What notifications are encrypted with.
    pub keys: Keys,
}

/// What notifications are encrypted with.
#[derive(Debug, Clone, Deserialize)]
pub struct Keys {
    /// The browser's public key, in base64url.
    pub p256dh: String,
    /// Its authentication secret, in base64url.
    pub auth: String,
}

/// Keeps a subscription and returns its id; subscribing again changes nothing.
///
/// # Errors
/// `validation_failed`, `unavailable`.
pub async fn subscribe(
    context: &Context,
    actor: &Actor,
    given: Subscribe,
) -> Result<PushSubscriptionId, Refusal> {
    Endpoint::parse(&given.endpoint, Reach::Public)
        .map_err(|error| Refusal::invalid("endpoint", "not_allowed", error.to_string()))?;
    BrowserKeys::parse(&given.keys.p256dh, &given.keys.auth).map_err(|error| {
        let path = match error {
            EncryptionError::Auth => "keys.auth",
            _ => "keys.p256dh",
        };
        Refusal::invalid(path, "malformed", error.to_string())
    })?;
    let subscription = PushSubscription {
        id: PushSubscriptionId::now_v7(),
        user_id: actor.user_id,
        endpoint: given.endpoint,
        p256dh: given.keys.p256dh,
        auth: given.keys.auth,
    };
    let keep = async {
        let mut transaction = context.pg.begin().await?;
        let id = push::subscribe(&mut transaction, &subscription, MOST, Timestamp::now()).await?;
        transaction.commit().await?;
        Ok::<_, sqlx::Error>(id)
    };
    keep.await.map_err(|error| unavailable(&error))
}

/// Ends one of the actor's subscriptions.
///
/// # Errors
/// `not_found`, `unavailable`.
pub async fn unsubscribe(
    context: &Context,
    actor: &Actor,
    id: PushSubscriptionId,
) -> Result<(), Refusal> {
    let ended = push::unsubscribe(&context.pg, actor.user_id, id)
        .await
        .map_err(|error| unavailable(&error))?;
    if ended {
        Ok(())
    } else {
        let message = "There is no such subscription.";
        Err(Refusal::new(ErrorCode::NotFound, message))
    }
}
