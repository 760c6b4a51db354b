//! `room.delete`: the owner ends the room.

use chat_core::error::Refusal;
use chat_core::protocol::client::RoomRef;
use chat_processor::commands::delete_room;

use super::{Answer, Call, Status};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let room: RoomRef = call.parse()?;
    let job = delete_room::check(&call.app.context, &call.actor(), room).await?;
    Answer::queued(job, &Status::QUEUED)
}
