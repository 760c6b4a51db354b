//! `typing.start` and `typing.stop`: transient, never stored, told to the other members.

use chat_core::error::{ErrorCode, Refusal};
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::access;
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::Failure;

/// Checks that the actor is a member.
///
/// # Errors
/// `room_not_found`, `not_member`, `blocked`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    typing: client::Typing,
    is_typing: bool,
) -> Result<Job, Refusal> {
    // From Postgres, not from the cache: a block in a dm must hold from the next key on.
    let access = access::of_member(context, typing.room_id, actor.user_id).await?;
    if access.blocked {
        let message = "One of you has blocked the other.";
        return Err(Refusal::new(ErrorCode::Blocked, message));
    }
    Ok(actor.job(Some(typing.room_id), Act::Typing { is_typing }))
}

/// What the other members hear.
///
/// # Errors
/// [`Failure::Reject`] for a job without a room.
pub fn apply(job: &Job, is_typing: bool) -> Result<Vec<Effect>, Failure> {
    let room_id = job
        .room_id
        .ok_or_else(|| Failure::Reject("typing without a room".to_owned()))?;
    let event = ServerEvent::TypingUpdate {
        room_id,
        user_id: job.user_id,
        is_typing,
        expires_at: Timestamp::now() + limits::TYPING_LASTS,
    };
    let mut effect = Effect::of_job(Target::Room(room_id), &event, job)?;
    effect.fanout.except_user = Some(job.user_id);
    Ok(vec![effect])
}
