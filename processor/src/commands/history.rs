//! History, forwards and backwards (the wire contract, §2.5).

use chat_backends::postgres::messages::{self, Page, Paging};
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;

use crate::commands::access;
use crate::context::Context;
use crate::failure::unavailable;

/// Which messages are asked for; every member as the client gave it.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Messages after this number, ascending from there.
    pub after_seq: Option<i64>,
    /// Messages before this number, the last ones.
    pub before_seq: Option<i64>,
    /// How many; the default and the bounds are in [`limits`].
    pub limit: Option<i64>,
    /// Whether with full content (`fields=full`).
    pub full: bool,
}

/// One page, ascending.
#[derive(Debug)]
pub struct History {
    /// The messages and what lies beyond them.
    pub page: Page,
    /// The limit that was applied.
    pub limit: u32,
}

/// Reads a page for a member.
///
/// # Errors
/// `validation_failed` for positions or limits out of bounds, `room_not_found`, `not_member`, `unavailable`.
pub async fn run(
    context: &Context,
    viewer: UserId,
    room: RoomId,
    query: &Query,
) -> Result<History, Refusal> {
    let (paging, limit) = paging(query)?;
    access::require_member(context, room, viewer).await?;
    let mut connection = context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    let page = messages::page(&mut connection, room, viewer, paging, limit, query.full)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(History { page, limit })
}

fn paging(query: &Query) -> Result<(Paging, u32), Refusal> {
    let limit = match query.limit {
        None => limits::HISTORY_DEFAULT,
        Some(limit) if limit < 1 => {
            return Err(Refusal::invalid("limit", "too_small", "must be 1 or more"));
        }
        Some(limit) => u32::try_from(limit)
            .unwrap_or(u32::MAX)
            .min(limits::HISTORY_MAX),
    };
    let paging = match (query.after_seq, query.before_seq) {
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid(
                "before_seq",
                "conflicting",
                "give either after_seq or before_seq, not both",
            ));
        }
        (Some(seq), None) => Paging::After(at_least("after_seq", seq)?),
        (None, Some(seq)) => Paging::Before(at_least("before_seq", seq)?),
        (None, None) => Paging::Newest,
    };
    Ok((paging, limit))
}

fn at_least(path: &str, seq: i64) -> Result<i64, Refusal> {
    if seq < 0 {
        return Err(Refusal::invalid(path, "too_small", "must be 0 or more"));
    }
    Ok(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(given: Option<i64>) -> Result<u32, Refusal> {
        let query = Query {
            limit: given,
            ..Query::default()
        };
        paging(&query).map(|(_, limit)| limit)
    }

    #[test]
    fn a_page_has_fifty_messages_unless_asked_and_two_hundred_at_most() {
        assert_eq!(limit(None), Ok(50));
        assert_eq!(limit(Some(1)), Ok(1));
        assert_eq!(limit(Some(201)), Ok(200));
        assert_eq!(limit(Some(i64::MAX)), Ok(200));
    }

    #[test]
    fn a_limit_below_one_and_two_positions_are_refused() {
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(-1)).is_err());
        let both = Query {
            after_seq: Some(1),
            before_seq: Some(9),
            ..Query::default()
        };
        assert!(paging(&both).is_err());
    }
}
