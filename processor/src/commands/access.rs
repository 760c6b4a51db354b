//! Whether an actor may act in a room. Existence is checked before membership, membership before anything else.

use chat_backends::postgres;
use chat_backends::postgres::rooms::{self, RoomAccess};
use chat_backends::redis::members::{self, Membership};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::MemberRole;
use chat_core::time::Timestamp;

use crate::context::Context;
use crate::failure::unavailable;

/// The refusal for a room that does not exist.
pub fn room_not_found() -> Refusal {
    Refusal::new(ErrorCode::RoomNotFound, "There is no such room.")
}

/// The refusal for somebody who is not a member.
pub fn not_member() -> Refusal {
    Refusal::new(ErrorCode::NotMember, "You are not a member of this room.")
}

/// Lets members pass: from the cache where it says yes, else from Postgres. For what a member may always do: reading,
/// typing.
///
/// # Errors
/// `room_not_found`, `not_member`, or `unavailable` while Postgres is away.
pub async fn require_member(context: &Context, room: RoomId, user: UserId) -> Result<(), Refusal> {
    let cached = members::check(&context.redis, room, user).await;
    match cached {
        Ok(Membership::Member) => return Ok(()),
        Ok(Membership::Unknown) => remember_members(context, room).await,
        // A cached "no" may be older than an invitation that was just accepted: Postgres decides.
        Ok(Membership::NotMember) => {}
        Err(error) => tracing::debug!(%error, "the membership cache did not answer"),
    }
    of_member(context, room, user).await.map(|_| ())
}

/// Caches the room's members if they are not cached yet. A failure costs speed only.
pub(crate) async fn remember_members(context: &Context, room: RoomId) {
    if let Err(error) = members_of(context, room).await {
        tracing::debug!(%error, "the membership cache was not filled");
    }
}

/// The room's members: from the cache, else from Postgres, and then cached for the next question.
///
/// # Errors
/// If the database fails.
pub(crate) async fn members_of(
    context: &Context,
    room: RoomId,
) -> Result<Vec<UserId>, sqlx::Error> {
    if let Ok(Some(ids)) = members::list(&context.redis, room).await {
        return Ok(ids);
    }
    let version = members::version(&context.redis, room).await;
    let ids = postgres::members::ids(&context.pg, room).await?;
    if let Ok(version) = version
        && let Err(error) = members::fill(&context.redis, room, version, &ids).await
    {
        tracing::debug!(%error, "the membership cache was not filled");
    }
    Ok(ids)
}

/// What a member may do in the room, from Postgres.
///
/// # Errors
/// `room_not_found`, `not_member`, or `unavailable` while Postgres is away.
pub async fn of_member(
    context: &Context,
    room: RoomId,
    user: UserId,
) -> Result<RoomAccess, Refusal> {
    let access = rooms::access(&context.pg, room, user)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(room_not_found)?;
    if access.role.is_none() {
        return Err(not_member());
    }
    Ok(access)
}

/// Lets members pass who may send: not blocked, not muted, not ahead of the slow mode, which binds plain members only.
///
/// # Errors
/// `room_not_found`, `not_member`, `blocked`, `muted`, `rate_limited`, `unavailable`.
pub async fn require_sender(
    context: &Context,
    room: RoomId,
    user: UserId,
) -> Result<RoomAccess, Refusal> {
    let access = of_member(context, room, user).await?;
    may_send(&access, Timestamp::now())?;
    Ok(access)
}

/// Whether the right to send depends on nothing that the clock changes.
pub(crate) const fn is_unconditional(access: &RoomAccess) -> bool {
    !access.blocked && access.silenced_until.is_none() && access.slow_mode_secs == 0
}

fn may_send(access: &RoomAccess, now: Timestamp) -> Result<(), Refusal> {
    if access.blocked {
        return Err(Refusal::new(
            ErrorCode::Blocked,
            "One of you has blocked the other.",
        ));
    }
    if let Some(until) = access.silenced_until.filter(|until| *until > now) {
        let message = format!("You are muted until {until}.");
        return Err(Refusal::new(ErrorCode::Muted, message).retry_after(now.age_at(until)));
    }
    let pause = std::time::Duration::from_secs(access.slow_mode_secs.into());
    if access.role < Some(MemberRole::Admin)
        && let Some(last) = access.last_sent_at
        && last + pause > now
    {
        let wait = now.age_at(last + pause);
        let message = "This room is in slow mode. Please wait a moment.";
        return Err(Refusal::new(ErrorCode::RateLimited, message).retry_after(wait));
    }
    Ok(())
}
