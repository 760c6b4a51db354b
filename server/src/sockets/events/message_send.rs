//! `message.send`: acknowledged once the broker has it.

use chat_core::error::Refusal;
use chat_core::protocol::client::MessageSend;
use chat_processor::commands::send_message;
use serde::Serialize;

use super::{Answer, Call};

/// The answer; it must have no other member.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Queued {
    status: &'static str,
    client_msg_id: String,
}

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let send: MessageSend = call.parse()?;
    let checked = send_message::check(&call.app.context, &call.actor(), send).await?;
    let answer = Queued {
        status: "QUEUED",
        client_msg_id: checked.client_msg_id,
    };
    Answer::queued(checked.job, &answer)
}
