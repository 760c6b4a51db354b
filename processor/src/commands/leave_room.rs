//! `room.leave`, `room.kick`: members who go, or are made to. An owner who goes passes the room on; the last one out
//! deletes it.

use chat_backends::postgres::members::{self, Left};
use chat_backends::postgres::rooms;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::protocol::client;
use chat_core::protocol::objects::MemberRole;
use chat_core::protocol::server::{LeftReason, ServerEvent};
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{access, commit, delete_room, membership, roles};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// Checks everything that can be refused of a leave.
///
/// # Errors
/// `room_not_found`, `not_member`, `not_a_group`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    room: client::RoomRef,
) -> Result<Job, Refusal> {
    let access = access::of_member(context, room.room_id, actor.user_id).await?;
    membership::require_group(&access)?;
    Ok(actor.job(Some(room.room_id), Act::LeaveRoom {}))
}

/// Checks everything that can be refused of a kick.
///
/// # Errors
/// `room_not_found`, `not_member`, `not_a_group`, `forbidden`, `user_not_found`, `unavailable`.
pub async fn check_kick(
    context: &Context,
    actor: &Actor,
    kick: client::RoomKick,
) -> Result<Job, Refusal> {
    let access = access::of_member(context, kick.room_id, actor.user_id).await?;
    membership::require_group(&access)?;
    let message = "Only the owner and admins can take others out, and never the owner.";
    let Some(role) = access.role.filter(|role| roles::may_manage(*role)) else {
        return Err(membership::forbidden(message));
    };
    if kick.user_id == actor.user_id {
        return Err(Refusal::invalid(
            "userId",
            "not_allowed",
            "leave the room instead",
        ));
    }
    let target = role_of(context, kick.room_id, kick.user_id).await?;
    if !roles::may_kick(role, target) {
        return Err(membership::forbidden(message));
    }
    let user_id = kick.user_id;
    Ok(actor.job(
        Some(kick.room_id),
        Act::KickMember {
            user_id,
            banned: false,
        },
    ))
}

/// The role of another member.
///
/// # Errors
/// `user_not_found` if they are not in the room, `unavailable`.
pub async fn role_of(context: &Context, room: RoomId, user: UserId) -> Result<MemberRole, Refusal> {
    members::role(&context.pg, room, user)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(|| Refusal::new(ErrorCode::UserNotFound, "This user is not in the room."))
}

/// A leave, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(context: &Context, actor: &Actor, room: client::RoomRef) -> Result<(), Refusal> {
    let job = check(context, actor, room).await?;
    commit::commit(context, &job).await
}

/// A kick, done before the answer.
///
/// # Errors
/// As [`check_kick`].
pub async fn run_kick(
    context: &Context,
    actor: &Actor,
    kick: client::RoomKick,
) -> Result<(), Refusal> {
    let job = check_kick(context, actor, kick).await?;
    commit::commit(context, &job).await
}

/// Takes the leaver out and says who hears of it.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(connection: &mut PgConnection, job: &Job) -> Result<Vec<Effect>, Failure> {
    take_out(connection, job, job.user_id, LeftReason::Left).await
}

/// Takes the member out, unless they became the owner meanwhile, and says who hears of it.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply_kick(
    connection: &mut PgConnection,
    job: &Job,
    user: UserId,
    banned: bool,
) -> Result<Vec<Effect>, Failure> {
    let reason = if banned {
        LeftReason::Banned
    } else {
        LeftReason::Kicked
    };
    take_out(connection, job, user, reason).await
}

async fn take_out(
    connection: &mut PgConnection,
    job: &Job,
    user: UserId,
    reason: LeftReason,
) -> Result<Vec<Effect>, Failure> {
    let room = commit::room_of(job)?;
    rooms::lock(&mut *connection, &[room]).await?;
    let role = members::role(&mut *connection, room, user).await?;
    if !commit::first_time(connection, job).await? {
        // Whoever came back since did not leave by this job.
        return match role {
            Some(_) => Ok(vec![]),
            None => membership::left(job, room, user, reason),
        };
    }
    if reason != LeftReason::Left && role == Some(MemberRole::Owner) {
        return Ok(vec![]);
    }
    let left = members::leave(&mut *connection, room, user, job.created_at).await?;
    if left == Left::NotMember {
        return Ok(vec![]);
    }
    let mut effects = membership::left(job, room, user, reason)?;
    match left {
        Left::RoomDeleted => effects.extend(delete_room::told(job, room, &[])?),
        Left::Out { heir: Some(heir) } => {
            let event = ServerEvent::MemberRoleChanged {
                room_id: room,
                user_id: heir,
                role: MemberRole::Owner,
                by: job.user_id,
            };
            effects.push(Effect::of_job(Target::Room(room), &event, job)?);
        }
        Left::Out { heir: None } | Left::NotMember => {}
    }
    Ok(effects)
}
