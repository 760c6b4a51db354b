//! `room.delete`: the owner ends a group for everybody.

use chat_backends::postgres::rooms;
use chat_core::error::Refusal;
use chat_core::fanout::{CONTROL_LEAVE, Control};
use chat_core::ids::{RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::protocol::client;
use chat_core::protocol::objects::MemberRole;
use chat_core::protocol::server::ServerEvent;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{access, commit, membership};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::Failure;

/// Checks everything that can be refused.
///
/// # Errors
/// `room_not_found`, `not_member`, `not_a_group`, `forbidden`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    room: client::RoomRef,
) -> Result<Job, Refusal> {
    let access = access::of_member(context, room.room_id, actor.user_id).await?;
    membership::require_group(&access)?;
    if access.role != Some(MemberRole::Owner) {
        return Err(membership::forbidden("Only the owner can delete the room."));
    }
    Ok(actor.job(Some(room.room_id), Act::DeleteRoom {}))
}

/// The same, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(context: &Context, actor: &Actor, room: client::RoomRef) -> Result<(), Refusal> {
    let job = check(context, actor, room).await?;
    commit::commit(context, &job).await
}

/// Deletes the room and tells those who were in it.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(connection: &mut PgConnection, job: &Job) -> Result<Vec<Effect>, Failure> {
    let room = commit::room_of(job)?;
    if !commit::first_time(connection, job).await? {
        // Who was in it is forgotten; gateways that missed it are asked for a room that is gone.
        return told(job, room, &[]);
    }
    rooms::lock(&mut *connection, &[room]).await?;
    let former = rooms::delete(&mut *connection, room, job.created_at).await?;
    told(job, room, &former.unwrap_or_default())
}

/// What former members hear of a room that is gone.
///
/// # Errors
/// [`Failure::Job`] if an event can't be encoded.
pub fn told(job: &Job, room_id: RoomId, former: &[UserId]) -> Result<Vec<Effect>, Failure> {
    let event = ServerEvent::RoomDeleted {
        room_id,
        deleted_by: job.user_id,
    };
    let control = Control {
        room_id,
        from_seq: 0,
    };
    let mut effects = vec![Effect::of_job(Target::Room(room_id), &event, job)?];
    for user in former {
        effects.push(Effect::control(*user, CONTROL_LEAVE, control)?);
    }
    Ok(effects)
}
