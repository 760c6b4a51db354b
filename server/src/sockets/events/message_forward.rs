//! `message.forward`: several messages into several rooms, each a job of its own.

use chat_core::error::Refusal;
use chat_core::ids::{MessageId, RoomId};
use chat_core::protocol::client::MessageForward;
use chat_processor::commands::forward;
use serde::Serialize;

use super::{Answer, Call};

#[derive(Serialize)]
struct Queued {
    status: &'static str,
    jobs: Vec<Part>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    room_id: RoomId,
    source_message_id: Option<MessageId>,
    client_msg_id: String,
}

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let request: MessageForward = call.parse()?;
    let forwarded = forward::check(&call.app.context, &call.actor(), request).await?;
    let (jobs, parts) = forwarded
        .into_iter()
        .map(|part| {
            let shown = Part {
                room_id: part.room_id,
                source_message_id: part.source_message_id,
                client_msg_id: part.client_msg_id,
            };
            (part.job, shown)
        })
        .unzip();
    let answer = Queued {
        status: "QUEUED",
        jobs: parts,
    };
    Answer::all_queued(jobs, &answer)
}
