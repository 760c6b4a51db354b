//! `message.delete`: for all, or for oneself.

use chat_core::error::Refusal;
use chat_core::protocol::client::MessageDelete;
use chat_processor::commands::delete_message;

use super::{Answer, Call, QueuedMessage};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let delete: MessageDelete = call.parse()?;
    let message_id = delete.message_id;
    let job = delete_message::check(&call.app.context, &call.actor(), delete).await?;
    Answer::queued(job, &QueuedMessage::new(message_id))
}
