//! Ending a user's sessions: their sockets close on every gateway.

use chat_backends::postgres::sessions;
use chat_core::error::Refusal;
use chat_core::ids::{SessionId, UserId};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;

use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::unavailable;

/// Revokes every session of `user` but `keep`; returns how many there were.
///
/// # Errors
/// `unavailable`. A revocation that could not be told is found by the gateways' next look at the session.
pub async fn run(
    context: &Context,
    user: UserId,
    keep: Option<SessionId>,
) -> Result<usize, Refusal> {
    let revoked = sessions::revoke_all(&context.pg, user, keep, Timestamp::now())
        .await
        .map_err(|error| unavailable(&error))?;
    tell(context, user, &revoked).await;
    Ok(revoked.len())
}

async fn tell(context: &Context, user: UserId, revoked: &[SessionId]) {
    let effects: Result<Vec<Effect>, _> = revoked
        .iter()
        .map(|session_id| {
            let session_id = *session_id;
            Effect::new(
                Target::User(user),
                &ServerEvent::SessionRevoked { session_id },
            )
        })
        .collect();
    match effects {
        Ok(effects) => {
            if let Err(error) = effects::publish(&context.redis, &effects).await {
                tracing::warn!(%error, %user, "revoked sessions were not told");
            }
        }
        Err(error) => tracing::error!(%error, "a revocation can't be encoded"),
    }
}
