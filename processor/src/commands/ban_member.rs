//! Banning from a group: a member is taken out, and neither they nor anybody else on the list comes in again.

use chat_backends::postgres::members;
use chat_backends::postgres::room_bans::{self, RoomBan};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{RoomId, UserId};
use chat_core::job::Act;
use chat_core::limits;
use chat_core::protocol::objects::MemberRole;
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::{access, commit, membership, roles, text};
use crate::context::Context;
use crate::failure::unavailable;

/// Most bans that are listed.
const LISTED: u32 = 1000;

/// Bans a user until then, or for good.
///
/// # Errors
/// `validation_failed`, `room_not_found`, `not_member`, `not_a_group`, `forbidden`, `unavailable`.
pub async fn run(
    context: &Context,
    actor: &Actor,
    (room, user): (RoomId, UserId),
    reason: &str,
    until: Option<Timestamp>,
) -> Result<(), Refusal> {
    let reason = text::bounded("reason", reason, 0..=limits::REASON_CHARS)?;
    let role = manager(context, actor, room).await?;
    if user == actor.user_id {
        let message = "is your own account";
        return Err(Refusal::invalid("userId", "not_allowed", message));
    }
    let away = |error: sqlx::Error| unavailable(&error);
    let target = members::role(&context.pg, room, user).await.map_err(away)?;
    if target.is_some_and(|target| !roles::may_kick(role, target)) {
        let message = "Only the owner can ban admins, and nobody the owner.";
        return Err(membership::forbidden(message));
    }
    // First the ban, then the kick: in the other order they could come back in between.
    let now = Timestamp::now();
    room_bans::add(
        &context.pg,
        (room, user),
        actor.user_id,
        &reason,
        until,
        now,
    )
    .await
    .map_err(away)?;
    if target.is_some() {
        let kick = Act::KickMember {
            user_id: user,
            banned: true,
        };
        commit::commit(context, &actor.job(Some(room), kick)).await?;
    }
    Ok(())
}

/// Ends a ban.
///
/// # Errors
/// `room_not_found`, `not_member`, `not_a_group`, `forbidden`, `not_found` if there is none, `unavailable`.
pub async fn lift(
    context: &Context,
    actor: &Actor,
    room: RoomId,
    user: UserId,
) -> Result<(), Refusal> {
    manager(context, actor, room).await?;
    let lifted = room_bans::remove(&context.pg, room, user).await;
    if lifted.map_err(|error| unavailable(&error))? {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::NotFound,
        "This user is not banned.",
    ))
}

/// Who is banned.
///
/// # Errors
/// `room_not_found`, `not_member`, `not_a_group`, `forbidden`, `unavailable`.
pub async fn list(context: &Context, actor: &Actor, room: RoomId) -> Result<Vec<RoomBan>, Refusal> {
    manager(context, actor, room).await?;
    room_bans::list(&context.pg, room, Timestamp::now(), LISTED)
        .await
        .map_err(|error| unavailable(&error))
}

/// Lets the owner and admins of a group pass.
async fn manager(context: &Context, actor: &Actor, room: RoomId) -> Result<MemberRole, Refusal> {
    let access = access::of_member(context, room, actor.user_id).await?;
    membership::require_group(&access)?;
    access
        .role
        .filter(|role| roles::may_manage(*role))
        .ok_or_else(|| membership::forbidden("Only the owner and admins can ban others."))
}
