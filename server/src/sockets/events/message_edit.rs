//! `message.edit`: the sender's new text.

use chat_core::error::Refusal;
use chat_core::protocol::client::MessageEdit;
use chat_processor::commands::edit_message;

use super::{Answer, Call, QueuedMessage};

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let edit: MessageEdit = call.parse()?;
    let message_id = edit.message_id;
    let job = edit_message::check(&call.app.context, &call.actor(), edit).await?;
    Answer::queued(job, &QueuedMessage::new(message_id))
}
