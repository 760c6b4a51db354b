//! `message.pin` and `message.unpin`.

use chat_core::error::Refusal;
use chat_core::protocol::client::MessagePin;
use chat_processor::commands::pin_message;

use super::{Answer, Call, QueuedMessage};

/// `message.pin`.
pub(super) async fn pin(call: &Call<'_>) -> Result<Answer, Refusal> {
    let pin: MessagePin = call.parse()?;
    let message_id = pin.message_id;
    let job = pin_message::check(&call.app.context, &call.actor(), pin).await?;
    Answer::queued(job, &QueuedMessage::new(message_id))
}

/// `message.unpin`.
pub(super) async fn unpin(call: &Call<'_>) -> Result<Answer, Refusal> {
    let pin: MessagePin = call.parse()?;
    let message_id = pin.message_id;
    let job = pin_message::check_unpin(&call.app.context, &call.actor(), pin).await?;
    Answer::queued(job, &QueuedMessage::new(message_id))
}
