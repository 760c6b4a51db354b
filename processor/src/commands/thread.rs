//! The answers of a thread, from its first message on.

use chat_backends::postgres::messages;
use chat_core::error::Refusal;
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::Message;

use crate::actor::Actor;
use crate::commands::message_access;
use crate::context::Context;
use crate::failure::unavailable;

/// A page of a thread.
#[derive(Debug)]
pub struct Answers {
    /// The answers, ascending, as the actor sees them.
    pub messages: Vec<Message>,
    /// The number to ask for the next page after; `None` at the end.
    pub next_after_seq: Option<i64>,
}

/// Reads a page of the answers to a message.
///
/// # Errors
/// `validation_failed`, `message_not_found`, `not_member`, `unavailable`.
pub async fn run(
    context: &Context,
    actor: &Actor,
    thread: client::Thread,
) -> Result<Answers, Refusal> {
    let limit = match thread.limit {
        None => limits::HISTORY_DEFAULT,
        Some(limit) if limit < 1 => {
            return Err(Refusal::invalid("limit", "too_small", "must be 1 or more"));
        }
        Some(limit) => u32::try_from(limit)
            .unwrap_or(u32::MAX)
            .min(limits::HISTORY_MAX),
    };
    let found = message_access::of_message_or_tombstone(context, actor, thread.message_id).await?;
    let (room, first) = (found.facts.room_id, found.facts.seq);
    let after = thread.after_seq.unwrap_or(first).max(first);
    let read = async {
        let mut connection = context.pg.acquire().await?;
        let mut places = messages::thread(&mut *connection, room, first, after, limit + 1).await?;
        let more = places.len() > limit as usize;
        if more {
            places.pop();
        }
        let messages = messages::load(&mut connection, Some(actor.user_id), &places, true).await?;
        Ok::<_, sqlx::Error>((messages, more))
    };
    let (messages, more) = read.await.map_err(|error| unavailable(&error))?;
    let next_after_seq = messages.last().filter(|_| more).map(|message| message.seq);
    Ok(Answers {
        messages,
        next_after_seq,
    })
}
