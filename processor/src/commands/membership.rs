//! Who hears that somebody came or went. The gateways first: what follows must find the right sockets.

use chat_backends::postgres::rooms::RoomAccess;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::fanout::{CONTROL_JOIN, CONTROL_LEAVE, Control};
use chat_core::ids::{RoomId, UserId};
use chat_core::job::Job;
use chat_core::protocol::objects::{MemberRole, RoomType};
use chat_core::protocol::server::{LeftReason, ServerEvent};

use crate::effects::{Effect, Target};
use crate::failure::Failure;

/// Lets only groups pass.
///
/// # Errors
/// `not_a_group`.
pub fn require_group(access: &RoomAccess) -> Result<(), Refusal> {
    if access.kind == RoomType::Group {
        return Ok(());
    }
    let message = "This can only be done in a group.";
    Err(Refusal::new(ErrorCode::NotAGroup, message))
}

/// The refusal for a role that is missing.
pub fn forbidden(message: &str) -> Refusal {
    Refusal::new(ErrorCode::Forbidden, message)
}

/// What is heard of a new member. The newcomer hears it on a channel of their own: the room's is not theirs yet.
///
/// # Errors
/// [`Failure::Job`] if an event can't be encoded.
pub fn joined(
    job: &Job,
    room_id: RoomId,
    user_id: UserId,
    role: MemberRole,
    from_seq: i64,
) -> Result<Vec<Effect>, Failure> {
    let event = ServerEvent::MemberJoined {
        room_id,
        user_id,
        role,
        by: job.user_id,
    };
    let control = Control { room_id, from_seq };
    Ok(vec![
        Effect::control(user_id, CONTROL_JOIN, control)?,
        Effect::of_job(Target::User(user_id), &event, job)?,
        to_others(job, room_id, user_id, &event)?,
    ])
}

/// What is heard of a member who is none any more.
///
/// # Errors
/// [`Failure::Job`] if an event can't be encoded.
pub fn left(
    job: &Job,
    room_id: RoomId,
    user_id: UserId,
    reason: LeftReason,
) -> Result<Vec<Effect>, Failure> {
    let event = ServerEvent::MemberLeft {
        room_id,
        user_id,
        reason,
        by: job.user_id,
    };
    let control = Control {
        room_id,
        from_seq: 0,
    };
    Ok(vec![
        Effect::control(user_id, CONTROL_LEAVE, control)?,
        Effect::of_job(Target::User(user_id), &event, job)?,
        to_others(job, room_id, user_id, &event)?,
    ])
}

fn to_others(
    job: &Job,
    room: RoomId,
    user: UserId,
    event: &ServerEvent,
) -> Result<Effect, Failure> {
    let mut effect = Effect::of_job(Target::Room(room), event, job)?;
    effect.fanout.except_user = Some(user);
    Ok(effect)
}
