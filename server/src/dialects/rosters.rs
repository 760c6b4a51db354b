//! Rooms together with their members' ids, for the dialects whose rooms always list them.

use chat_backends::postgres::members;
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::Room;
use chat_processor::failure::unavailable;

use crate::app::App;

/// The members of one room, those who came first at the front. Whether the caller may know is checked already.
///
/// # Errors
/// `unavailable`.
pub(super) async fn of(app: &App, room: RoomId) -> Result<Vec<UserId>, Refusal> {
    let mut found = members::ids_of_all(&app.context.pg, &[room])
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(found.remove(&room).unwrap_or_default())
}

/// Each of the rooms as `show` makes it of the room and its members, with one query for all of them.
///
/// # Errors
/// `unavailable`.
pub(super) async fn with<T>(
    app: &App,
    rooms: Vec<Room>,
    show: impl Fn(Room, Vec<UserId>) -> T,
) -> Result<Vec<T>, Refusal> {
    let ids: Vec<RoomId> = rooms.iter().map(|room| room.id).collect();
    let mut found = members::ids_of_all(&app.context.pg, &ids)
        .await
        .map_err(|error| unavailable(&error))?;
    let shown = rooms.into_iter().map(|room| {
        let members = found.remove(&room.id).unwrap_or_default();
        show(room, members)
    });
    Ok(shown.collect())
}
