//! `room.role`: what a member may do; naming an owner transfers the room.

use chat_core::error::Refusal;
use chat_core::protocol::client::RoomRole;
use chat_processor::commands::change_role;

use super::{Answer, Call, Status};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let change: RoomRole = call.parse()?;
    let job = change_role::check(&call.app.context, &call.actor(), change).await?;
    Answer::queued(job, &Status::QUEUED)
}
