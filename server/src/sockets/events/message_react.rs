//! `message.react`: an emoji under a message, put or taken back.

use chat_core::error::Refusal;
use chat_core::protocol::client::MessageReact;
use chat_processor::commands::react;

use super::{Answer, Call, QueuedMessage};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let reaction: MessageReact = call.parse()?;
    let message_id = reaction.message_id;
    let job = react::check(&call.app.context, &call.actor(), reaction).await?;
    Answer::queued(job, &QueuedMessage::new(message_id))
}
