//! Whether an actor may do something with a message that exists: existence first, then membership, then the rest.

use chat_backends::postgres::message_facts::{self, Facts};
use chat_backends::postgres::messages;
use chat_backends::postgres::rooms::RoomAccess;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{MessageId, UserId};
use chat_core::protocol::objects::Message;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::access;
use crate::context::Context;
use crate::failure::{Failure, unavailable};

/// A message in a room that the actor is a member of.
#[derive(Debug)]
pub struct Found {
    /// The message.
    pub facts: Facts,
    /// What the actor may do in its room.
    pub access: RoomAccess,
}

/// The refusal for a message that does not exist, or was deleted.
pub fn message_not_found() -> Refusal {
    Refusal::new(ErrorCode::MessageNotFound, "There is no such message.")
}

/// Finds a message for a member of its room.
///
/// # Errors
/// `message_not_found`, `not_member`, `unavailable`.
pub async fn of_message(
    context: &Context,
    actor: &Actor,
    message: MessageId,
) -> Result<Found, Refusal> {
    let found = of_message_or_tombstone(context, actor, message).await?;
    if found.facts.is_deleted {
        return Err(message_not_found());
    }
    Ok(found)
}

/// The same, for what a deleted message may still be asked for: its thread goes on.
///
/// # Errors
/// As [`of_message`].
pub async fn of_message_or_tombstone(
    context: &Context,
    actor: &Actor,
    message: MessageId,
) -> Result<Found, Refusal> {
    let facts = message_facts::facts(&context.pg, message)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(message_not_found)?;
    let access = access::of_member(context, facts.room_id, actor.user_id).await?;
    Ok(Found { facts, access })
}

/// Lets only those pass who may speak in the room: what is edited or reacted is said too.
///
/// # Errors
/// `blocked`, `muted`.
pub fn require_voice(access: &RoomAccess, now: Timestamp) -> Result<(), Refusal> {
    if access.blocked {
        let message = "One of you has blocked the other.";
        return Err(Refusal::new(ErrorCode::Blocked, message));
    }
    if let Some(until) = access.silenced_until.filter(|until| *until > now) {
        let message = format!("You are muted until {until}.");
        return Err(Refusal::new(ErrorCode::Muted, message).retry_after(now.age_at(until)));
    }
    Ok(())
}

/// The message as `viewer` sees it, with its full content.
///
/// # Errors
/// `message_not_found` if it is gone by now, `unavailable`.
pub async fn view(
    context: &Context,
    viewer: UserId,
    message: MessageId,
) -> Result<Message, Refusal> {
    let mut connection = context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    messages::by_id(&mut connection, Some(viewer), message, true)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(message_not_found)
}

/// The message as it is now, for telling the members; `None` if there is nothing left to tell.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn present(
    connection: &mut PgConnection,
    message: MessageId,
) -> Result<Option<Message>, Failure> {
    let message = messages::by_id(connection, None, message, true).await?;
    Ok(message.filter(|message| message.deleted_at.is_none()))
}
