//! `room.join`: by invite, into an open group, or as a request.

use chat_core::error::Refusal;
use chat_core::protocol::client::RoomJoin;
use chat_processor::commands::join_room;

use super::{Answer, Call, Status};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let join: RoomJoin = call.parse()?;
    let job = join_room::check(&call.app.context, &call.actor(), join).await?;
    Answer::queued(job, &Status::QUEUED)
}
