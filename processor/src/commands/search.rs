//! Finding people, and finding what was said in one's own rooms.

use chat_backends::postgres::messages::{self, Search};
use chat_backends::postgres::users;
use chat_core::error::Refusal;
use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::objects::{Message, UserRef};
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::access;
use crate::context::Context;
use crate::failure::unavailable;

/// Longest text to search for, in scalar values.
const TEXT_CHARS: usize = 200;
/// Default length of a page.
const PAGE: u32 = 20;

/// What to search for; every member as the client gave it.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Words; quotes, `or` and `-` as in web searches.
    pub text: String,
    /// Only in this room.
    pub room: Option<RoomId>,
    /// Only by this sender.
    pub sender: Option<UserId>,
    /// Only from then on.
    pub from: Option<Timestamp>,
    /// Only before then.
    pub to: Option<Timestamp>,
    /// Where the page before ended.
    pub cursor: Option<MessageId>,
    /// Length of the page.
    pub limit: Option<i64>,
}

/// A message that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The message, in preview mode.
    pub message: Message,
    /// The part that holds the words.
    pub highlight: String,
}

/// A page of messages.
#[derive(Debug)]
pub struct Page {
    /// The messages, the newest first.
    pub found: Vec<Found>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<MessageId>,
}

/// Searches the actor's rooms.
///
/// # Errors
/// `validation_failed`, `room_not_found`, `not_member`, `unavailable`.
pub async fn messages(context: &Context, actor: &Actor, query: Query) -> Result<Page, Refusal> {
    let text = bounded_text(&query.text)?;
    let limit = bounded_limit(query.limit)?;
    if let Some(room) = query.room {
        access::require_member(context, room, actor.user_id).await?;
    }
    let search = Search {
        text,
        room: query.room,
        sender: query.sender,
        from: query.from,
        to: query.to,
        before: query.cursor,
        limit: limit + 1,
    };
    let find = async {
        let mut connection = context.pg.acquire().await?;
        let mut hits = messages::search(&mut connection, actor.user_id, &search).await?;
        let more = hits.len() > limit as usize;
        hits.truncate(limit as usize);
        let places: Vec<(RoomId, i64)> = hits.iter().map(|hit| hit.place).collect();
        let viewer = Some(actor.user_id);
        let loaded = messages::load(&mut connection, viewer, &places, false).await?;
        Ok::<_, sqlx::Error>((hits, loaded, more))
    };
    let (hits, loaded, more) = find.await.map_err(|error| unavailable(&error))?;
    let next = hits.last().filter(|_| more).map(|hit| hit.message_id);
    let found = loaded
        .into_iter()
        .filter_map(|message| {
            let hit = hits.iter().find(|hit| hit.message_id == message.id)?;
            let highlight = hit.highlight.clone();
            Some(Found { message, highlight })
        })
        .collect();
    Ok(Page { found, next })
}

/// Searches people by the beginning of a name, or by a whole email address.
///
/// # Errors
/// `validation_failed`, `unavailable`.
pub async fn people(
    context: &Context,
    text: &str,
    limit: Option<i64>,
) -> Result<Vec<UserRef>, Refusal> {
    let text = bounded_text(text)?;
    users::search(&context.pg, text, bounded_limit(limit)?)
        .await
        .map_err(|error| unavailable(&error))
}

fn bounded_text(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().nth(TEXT_CHARS).is_some() || text.contains('\0') {
        let message = format!("must be 1 to {TEXT_CHARS} characters");
        return Err(Refusal::invalid("q", "out_of_bounds", message));
    }
    Ok(text)
}

fn bounded_limit(limit: Option<i64>) -> Result<u32, Refusal> {
    match limit {
        None => Ok(PAGE),
        Some(limit) if limit < 1 => {
            Err(Refusal::invalid("limit", "too_small", "must be 1 or more"))
        }
        Some(limit) => Ok(u32::try_from(limit)
            .unwrap_or(u32::MAX)
            .min(limits::SEARCH_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_needs_a_text_and_a_bounded_page() {
        assert_eq!(bounded_text(" hello "), Ok("hello"));
        assert!(bounded_text("  ").is_err());
        assert!(bounded_text(&"x".repeat(201)).is_err());
        assert_eq!(bounded_limit(Some(51)), Ok(50));
        assert!(bounded_limit(Some(0)).is_err());
    }
}
