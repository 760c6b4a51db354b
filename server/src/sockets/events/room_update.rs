//! `room.update`: title, description, picture, who may join.

use chat_core::error::Refusal;
use chat_core::protocol::client::RoomUpdate;
use chat_processor::commands::update_room;

use super::{Answer, Call, Status};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let update: RoomUpdate = call.parse()?;
    let job = update_room::check(&call.app.context, &call.actor(), update).await?;
    Answer::queued(job, &Status::QUEUED)
}
