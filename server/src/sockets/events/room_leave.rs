//! `room.leave` and `room.kick`.

use chat_core::error::Refusal;
use chat_core::protocol::client::{RoomKick, RoomRef};
use chat_processor::commands::leave_room;

use super::{Answer, Call, Status};

/// `room.leave`.
pub(super) async fn leave(call: &Call<'_>) -> Result<Answer, Refusal> {
    let room: RoomRef = call.parse()?;
    let job = leave_room::check(&call.app.context, &call.actor(), room).await?;
    Answer::queued(job, &Status::QUEUED)
}

/// `room.kick`.
pub(super) async fn kick(call: &Call<'_>) -> Result<Answer, Refusal> {
    let kick: RoomKick = call.parse()?;
    let job = leave_room::check_kick(&call.app.context, &call.actor(), kick).await?;
    Answer::queued(job, &Status::QUEUED)
}
