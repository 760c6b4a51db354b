//! `presence.set`, and the coming and going of sockets: told to the user's contacts who are online, and to own sockets.

use chat_backends::redis::presence;
use chat_core::error::Refusal;
use chat_core::ids::UserId;
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{Presence, PresenceStatus};
use chat_core::protocol::server::ServerEvent;

use crate::actor::Actor;
use crate::commands::{contacts, text};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// Checks the texts of the payload.
///
/// # Errors
/// `validation_failed`.
pub fn check(actor: &Actor, set: &client::PresenceSet) -> Result<Job, Refusal> {
    let activity = text::optional(
        "activity",
        set.activity.as_deref(),
        0..=limits::ACTIVITY_CHARS,
    )?
    .filter(|activity| !activity.is_empty());
    let act = Act::SetPresence {
        status: set.status,
        activity,
        chosen: true,
    };
    Ok(actor.job(None, act))
}

/// Writes a chosen status and says who hears of the user's presence as it now is.
///
/// # Errors
/// [`Failure::Unavailable`] while a store is away.
pub async fn apply(
    context: &Context,
    job: &Job,
    status: PresenceStatus,
    activity: Option<&str>,
    chosen: bool,
) -> Result<Vec<Effect>, Failure> {
    let away = |error: chat_backends::redis::RedisError| Failure::Unavailable(error.into());
    if chosen {
        presence::set(&context.redis, job.user_id, status, activity)
            .await
            .map_err(away)?;
    }
    let now = presence::get(&context.redis, &[job.user_id])
        .await
        .map_err(away)?;
    let Some(current) = now.into_iter().next() else {
        return Ok(vec![]);
    };
    let contacts = contacts::of(context, job.user_id).await?;
    let mut listeners = presence::online_among(&context.redis, &contacts)
        .await
        .map_err(away)?;
    listeners.push(job.user_id);
    let event = ServerEvent::PresenceUpdate(current);
    listeners
        .into_iter()
        .map(|user| {
            let mut effect = Effect::of_job(Target::User(user), &event, job)?;
            effect.fanout.except_socket = job.socket_id.clone().filter(|_| chosen);
            Ok(effect)
        })
        .collect()
}

/// The presence of `users` as `viewer` may see it.
///
/// # Errors
/// `validation_failed` for too many ids, `unavailable` while Redis is away.
pub async fn get(context: &Context, users: &[UserId]) -> Result<Vec<Presence>, Refusal> {
    if users.len() > limits::PRESENCE_IDS {
        let message = format!("must hold at most {} ids", limits::PRESENCE_IDS);
        return Err(Refusal::invalid("userIds", "too_many", message));
    }
    presence::get(&context.redis, users)
        .await
        .map_err(|error| unavailable(&error))
}
