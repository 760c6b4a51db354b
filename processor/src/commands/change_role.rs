//! `room.role`: the owner makes members admins, or hands the room over and becomes an admin.

use chat_backends::postgres::{members, rooms};
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::protocol::client;
use chat_core::protocol::objects::{Member, MemberRole};
use chat_core::protocol::server::ServerEvent;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::leave_room::role_of;
use crate::commands::{access, commit, membership};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// Checks everything that can be refused.
///
/// # Errors
/// `room_not_found`, `not_member`, `not_a_group`, `forbidden`, `user_not_found`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    change: client::RoomRole,
) -> Result<Job, Refusal> {
    let access = access::of_member(context, change.room_id, actor.user_id).await?;
    membership::require_group(&access)?;
    if access.role != Some(MemberRole::Owner) {
        return Err(membership::forbidden("Only the owner can change roles."));
    }
    role_of(context, change.room_id, change.user_id).await?;
    if change.user_id == actor.user_id && change.role != MemberRole::Owner {
        let message = "Hand the room over to somebody else first.";
        return Err(membership::forbidden(message));
    }
    let act = Act::ChangeRole {
        user_id: change.user_id,
        role: change.role,
    };
    Ok(actor.job(Some(change.room_id), act))
}

/// The same, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    change: client::RoomRole,
) -> Result<Member, Refusal> {
    let (room, user) = (change.room_id, change.user_id);
    let job = check(context, actor, change).await?;
    commit::commit(context, &job).await?;
    member(context, room, user).await
}

async fn member(context: &Context, room: RoomId, user: UserId) -> Result<Member, Refusal> {
    members::list(&context.pg, room)
        .await
        .map_err(|error| unavailable(&error))?
        .into_iter()
        .find(|member| member.user_id == user)
        .ok_or_else(access::not_member)
}

/// Changes the role and says what the members hear. Nothing if the actor is no longer the owner.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    user: UserId,
    role: MemberRole,
) -> Result<Vec<Effect>, Failure> {
    let room = commit::room_of(job)?;
    rooms::lock(&mut *connection, &[room]).await?;
    let mut changed = Vec::new();
    if commit::first_time(connection, job).await? {
        let own = members::role(&mut *connection, room, job.user_id).await?;
        if own != Some(MemberRole::Owner) || user == job.user_id {
            return Ok(vec![]);
        }
        if role == MemberRole::Owner {
            if members::transfer(&mut *connection, room, job.user_id, user).await? {
                changed = vec![(user, role), (job.user_id, MemberRole::Admin)];
            }
        } else if members::set_role(&mut *connection, room, user, role).await? {
            changed.push((user, role));
        }
    } else if members::role(&mut *connection, room, user).await? == Some(role) {
        changed.push((user, role));
    }
    changed
        .into_iter()
        .map(|(user_id, role)| {
            let event = ServerEvent::MemberRoleChanged {
                room_id: room,
                user_id,
                role,
                by: job.user_id,
            };
            Effect::of_job(Target::Room(room), &event, job)
        })
        .collect()
}
