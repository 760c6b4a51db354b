//! `session.resume`: what a client missed while it was away (the wire contract, §2.2).

use std::collections::HashMap;

use chat_backends::postgres::messages::{self, Paging};
use chat_backends::postgres::rooms;
use chat_backends::redis::members::{self, Membership};
use chat_backends::redis::{announce, ring};
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::client::ResumeRoom;
use chat_core::protocol::objects::Message;
use serde::Serialize;

use crate::commands::access;
use crate::context::Context;
use crate::failure::unavailable;

/// What a client has to do about one room.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resumed {
    /// The room.
    pub room_id: RoomId,
    /// The room's head; 0 for a room that the client left.
    pub last_seq: i64,
    /// What to do.
    pub action: Action,
    /// Everything after the client's position, for [`Action::Gap`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
}

/// What a client has to do about one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing was missed.
    Ok,
    /// `messages` holds what was missed.
    Gap,
    /// Too much was missed, or the position is unknown: fetch the history over REST.
    Resync,
    /// No longer a member.
    Left,
}

/// Compares the client's positions with the rooms' heads and fills small gaps.
///
/// `known` says where a room of the viewer's stands, as far as the caller knows: if it knows all of them, no store is asked.
/// The heads are read first and each gap is cut at its head, so that what is sent live meanwhile is not counted twice.
///
/// # Errors
/// `validation_failed` for too many rooms or a negative position, `unavailable` while Postgres is away.
pub async fn run(
    context: &Context,
    viewer: UserId,
    positions: &[ResumeRoom],
    known: impl Fn(RoomId) -> Option<i64>,
) -> Result<Vec<Resumed>, Refusal> {
    if positions.len() > limits::RESUME_ROOMS {
        let message = format!("must hold at most {} rooms", limits::RESUME_ROOMS);
        return Err(Refusal::invalid("rooms", "too_many", message));
    }
    if let Some(index) = positions.iter().position(|position| position.last_seq < 0) {
        let path = format!("rooms[{index}].lastSeq");
        return Err(Refusal::invalid(path, "too_small", "must be 0 or more"));
    }
    let heads = match at_or_beyond(positions, positions.iter().map(|of| known(of.room_id))) {
        Some(heads) => heads,
        None => match remembered_heads(context, viewer, positions).await {
            Some(heads) => heads,
            None => stored_heads(context, viewer, positions).await?,
        },
    };
    let mut budget = limits::RESUME_MESSAGES;
    let mut resumed = Vec::with_capacity(positions.len());
    for position in positions {
        let head = heads.get(&position.room_id).copied();
        let (action, messages) = match decide(position.last_seq, head, budget) {
            Action::Gap => {
                let missed = missed(context, viewer, position, head.unwrap_or_default()).await?;
                budget = budget.saturating_sub(missed.len());
                (Action::Gap, Some(missed))
            }
            other => (other, None),
        };
        resumed.push(Resumed {
            room_id: position.room_id,
            last_seq: head.unwrap_or_default(),
            action,
            messages,
        });
    }
    Ok(resumed)
}

/// The heads as Redis knows them; `None` unless it knows all of them and that the viewer is in every room. A client that
/// is ahead of what Redis knows makes Postgres decide.
///
/// A head here is at most older by what is about to be published, which the client's socket hears live: it is subscribed
/// before it asks.
async fn remembered_heads(
    context: &Context,
    viewer: UserId,
    positions: &[ResumeRoom],
) -> Option<HashMap<RoomId, i64>> {
    let rooms: Vec<RoomId> = positions.iter().map(|position| position.room_id).collect();
    let heads = announce::heads(&context.redis, &rooms).await.ok()?;
    // One connection answers all of them in one go.
    let checks = rooms
        .iter()
        .map(|room| members::check(&context.redis, *room, viewer));
    let memberships = futures::future::try_join_all(checks).await.ok()?;
    let all_member = memberships.iter().all(|found| *found == Membership::Member);
    at_or_beyond(positions, heads).filter(|_| all_member)
}

/// The heads of all positions; `None` if one is not known, or lies before its position.
fn at_or_beyond(
    positions: &[ResumeRoom],
    heads: impl IntoIterator<Item = Option<i64>>,
) -> Option<HashMap<RoomId, i64>> {
    let heads = positions.iter().zip(heads);
    heads
        .map(|(position, head)| {
            let head = head.filter(|head| *head >= position.last_seq)?;
            Some((position.room_id, head))
        })
        .collect()
}

/// The heads from Postgres, which are then remembered for the next who ask.
async fn stored_heads(
    context: &Context,
    viewer: UserId,
    positions: &[ResumeRoom],
) -> Result<HashMap<RoomId, i64>, Refusal> {
    let heads: HashMap<RoomId, i64> = rooms::heads(&context.pg, viewer, limits::READY_ROOMS)
        .await
        .map_err(|error| unavailable(&error))?
        .into_iter()
        .map(|head| (head.room_id, head.last_seq))
        .collect();
    let asked: Vec<(RoomId, i64)> = positions
        .iter()
        .filter_map(|position| Some((position.room_id, *heads.get(&position.room_id)?)))
        .collect();
    if let Err(error) = announce::note_heads(&context.redis, &asked).await {
        tracing::debug!(%error, "the rooms' heads were not remembered");
        return Ok(heads);
    }
    for (room, _) in &asked {
        access::remember_members(context, *room).await;
    }
    Ok(heads)
}

fn decide(client: i64, head: Option<i64>, budget: usize) -> Action {
    let Some(head) = head else {
        return Action::Left;
    };
    match usize::try_from(head - client) {
        Ok(0) => Action::Ok,
        Ok(missed) if missed <= limits::RESUME_ROOM_MESSAGES.min(budget) => Action::Gap,
        // Too much, or ahead of the room: a position that the room never reached.
        _ => Action::Resync,
    }
}

async fn missed(
    context: &Context,
    viewer: UserId,
    position: &ResumeRoom,
    head: i64,
) -> Result<Vec<Message>, Refusal> {
    if let Some(messages) = remembered(context, position, head).await {
        return Ok(messages);
    }
    let limit = u32::try_from(limits::RESUME_ROOM_MESSAGES).unwrap_or(limits::HISTORY_MAX);
    let mut connection = context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    let page = messages::page(
        &mut connection,
        position.room_id,
        viewer,
        Paging::After(position.last_seq),
        limit,
        true,
    )
    .await
    .map_err(|error| unavailable(&error))?;
    Ok(page
        .messages
        .into_iter()
        .filter(|message| message.seq <= head)
        .collect())
}

/// The gap from the room's ring, if that has all of it. Its messages are as they were delivered; whatever changes one
/// later makes the room's ring forgotten.
async fn remembered(context: &Context, position: &ResumeRoom, head: i64) -> Option<Vec<Message>> {
    let range = ring::after(&context.redis, position.room_id, position.last_seq, head)
        .await
        .ok()
        .filter(|range| range.complete)?;
    range
        .entries
        .iter()
        .map(|entry| serde_json::from_str(&entry.message).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_exactly_what_it_missed() {
        assert_eq!(decide(7, Some(7), 1000), Action::Ok);
        assert_eq!(decide(7, Some(8), 1000), Action::Gap);
        assert_eq!(decide(0, Some(200), 1000), Action::Gap);
        assert_eq!(decide(0, Some(201), 1000), Action::Resync);
        assert_eq!(decide(0, Some(50), 49), Action::Resync);
        assert_eq!(decide(9, Some(8), 1000), Action::Resync);
        assert_eq!(decide(3, None, 1000), Action::Left);
    }
}
