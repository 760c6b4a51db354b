//! `block.add` and `block.remove`.

use chat_core::error::Refusal;
use chat_core::protocol::client::BlockUser;
use chat_processor::commands::block;

use super::{Answer, Call, Status};

pub(super) async fn handle(call: &Call<'_>, blocked: bool) -> Result<Answer, Refusal> {
    let user: BlockUser = call.parse()?;
    let job = block::check(&call.app.context, &call.actor(), user, blocked).await?;
    Answer::queued(job, &Status::QUEUED)
}
