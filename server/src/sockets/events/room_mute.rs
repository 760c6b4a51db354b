//! `room.mute`: one's own notifications of a room.

use chat_core::error::Refusal;
use chat_core::protocol::client::RoomMute;
use chat_processor::commands::mute_room;

use super::{Answer, Call, Status};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let mute: RoomMute = call.parse()?;
    mute_room::run(&call.app.context, &call.actor(), mute).await?;
    Answer::now(&Status::OK)
}
