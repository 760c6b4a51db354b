//! What a user has not read: in all, and room by room.

use chat_backends::postgres::mentions::{self, Unread};
use chat_core::error::Refusal;
use chat_core::limits;

use crate::actor::Actor;
use crate::context::Context;
use crate::failure::unavailable;

/// The actor's unread messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Over all rooms.
    pub total: i64,
    /// The rooms with something unread, newest activity first.
    pub rooms: Vec<Unread>,
}

/// Counts what the actor has not read.
///
/// # Errors
/// `unavailable`.
pub async fn run(context: &Context, actor: &Actor) -> Result<Counts, Refusal> {
    let rooms = mentions::unread(&context.pg, actor.user_id, limits::READY_ROOMS)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(Counts {
        total: rooms.iter().map(|room| room.unread).sum(),
        rooms,
    })
}
