//! `story.view`: counts a view.

use chat_core::error::Refusal;
use chat_core::protocol::client::StoryRef;
use chat_processor::commands::story;

use super::{Answer, Call, Status};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let viewed: StoryRef = call.parse()?;
    let job = story::check_view(&call.app.context, &call.actor(), viewed).await?;
    Answer::queued(job, &Status::QUEUED)
}
