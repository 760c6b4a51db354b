//! `message.pin` and `message.unpin`: what a room keeps at hand.

use chat_backends::postgres::{message_facts, messages};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::Message;
use chat_core::protocol::server::ServerEvent;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{access, commit, message_access};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// Checks everything that can be refused of a pin.
///
/// # Errors
/// `message_not_found`, `not_member`, `blocked`, `muted`, `already_pinned`, `pin_limit`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    pin: client::MessagePin,
) -> Result<Job, Refusal> {
    let found = message_access::of_message(context, actor, pin.message_id).await?;
    message_access::require_voice(&found.access, chat_core::time::Timestamp::now())?;
    if found.facts.is_pinned {
        let message = "This message is pinned already.";
        return Err(Refusal::new(ErrorCode::AlreadyPinned, message));
    }
    let room = found.facts.room_id;
    let pinned = messages::pins(&context.pg, room)
        .await
        .map_err(|error| unavailable(&error))?;
    if i64::try_from(pinned.len()).is_ok_and(|pins| pins >= limits::PINS) {
        let message = format!("A room has at most {} pinned messages.", limits::PINS);
        return Err(Refusal::new(ErrorCode::PinLimit, message));
    }
    let message_id = pin.message_id;
    Ok(actor.job(Some(room), Act::PinMessage { message_id }))
}

/// Checks everything that can be refused of an unpin.
///
/// # Errors
/// `message_not_found`, `not_member`, `not_pinned`, `unavailable`.
pub async fn check_unpin(
    context: &Context,
    actor: &Actor,
    pin: client::MessagePin,
) -> Result<Job, Refusal> {
    let message_id = pin.message_id;
    let found = message_access::of_message(context, actor, message_id).await?;
    if !found.facts.is_pinned {
        let message = "This message is not pinned.";
        return Err(Refusal::new(ErrorCode::NotPinned, message));
    }
    Ok(actor.job(Some(found.facts.room_id), Act::UnpinMessage { message_id }))
}

/// A pin, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    pin: client::MessagePin,
) -> Result<Message, Refusal> {
    let message_id = pin.message_id;
    let job = check(context, actor, pin).await?;
    commit::commit(context, &job).await?;
    message_access::view(context, actor.user_id, message_id).await
}

/// An unpin, done before the answer.
///
/// # Errors
/// As [`check_unpin`].
pub async fn run_unpin(
    context: &Context,
    actor: &Actor,
    pin: client::MessagePin,
) -> Result<Message, Refusal> {
    let message_id = pin.message_id;
    let job = check_unpin(context, actor, pin).await?;
    commit::commit(context, &job).await?;
    message_access::view(context, actor.user_id, message_id).await
}

/// A room's pinned messages as `viewer` sees them, the latest pinned first.
///
/// # Errors
/// `room_not_found`, `not_member`, `unavailable`.
pub async fn list(
    context: &Context,
    viewer: UserId,
    room: RoomId,
) -> Result<Vec<Message>, Refusal> {
    access::require_member(context, room, viewer).await?;
    let read = async {
        let mut connection = context.pg.acquire().await?;
        let places = messages::pins(&mut *connection, room).await?;
        messages::load(&mut connection, Some(viewer), &places, true).await
    };
    let pinned: Result<Vec<Message>, sqlx::Error> = read.await;
    let mut pinned = pinned.map_err(|error| unavailable(&error))?;
    // Whoever deleted a message for themselves does not find it among the pins.
    pinned.retain(|message| message.deleted_at.is_none());
    Ok(pinned)
}

/// Pins the message and says what the members hear.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    message_id: MessageId,
) -> Result<Vec<Effect>, Failure> {
    let Some(facts) = message_facts::facts(&mut *connection, message_id).await? else {
        return Ok(vec![]);
    };
    let room = facts.room_id;
    if commit::first_time(connection, job).await? {
        messages::pin(
            &mut *connection,
            room,
            facts.seq,
            job.user_id,
            job.created_at,
        )
        .await?;
    }
    let Some(message) = message_access::present(connection, message_id).await? else {
        return Ok(vec![]);
    };
    let (Some(pinned_by), Some(pinned_at)) = (message.pinned_by, message.pinned_at) else {
        return Ok(vec![]);
    };
    let event = ServerEvent::MessagePinned {
        room_id: room,
        message_id,
        pinned_by,
        pinned_at,
        message,
    };
    Ok(vec![Effect::of_job(Target::Room(room), &event, job)?])
}

/// Takes the pin away and says what the members hear.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply_unpin(
    connection: &mut PgConnection,
    job: &Job,
    message_id: MessageId,
) -> Result<Vec<Effect>, Failure> {
    let Some(facts) = message_facts::facts(&mut *connection, message_id).await? else {
        return Ok(vec![]);
    };
    if commit::first_time(connection, job).await? {
        messages::unpin(&mut *connection, facts.room_id, facts.seq).await?;
    }
    let message = message_access::present(connection, message_id).await?;
    let Some(message) = message.filter(|message| !message.pinned) else {
        return Ok(vec![]);
    };
    let event = ServerEvent::MessageUnpinned {
        room_id: facts.room_id,
        message_id,
        unpinned_by: job.user_id,
        message,
    };
    Ok(vec![Effect::of_job(
        Target::Room(facts.room_id),
        &event,
        job,
    )?])
}
