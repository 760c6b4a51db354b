//! `message.read`: the read position, by number or by message.

use chat_core::error::Refusal;
use chat_core::ids::RoomId;
use chat_core::protocol::client::MessageRead;
use chat_processor::commands::read::{self, UpTo};
use serde::Serialize;

use super::{Answer, Call};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Position {
    status: &'static str,
    room_id: RoomId,
    last_read_seq: i64,
    unread: i64,
}

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let read: MessageRead = call.parse()?;
    let up_to = match (read.room_id, read.seq, read.message_id) {
        (Some(room), Some(seq), _) => UpTo::Seq(room, seq),
        (_, _, Some(message)) => UpTo::Message(message),
        (None, ..) => {
            return Err(Refusal::invalid(
                "roomId",
                "missing",
                "give roomId and seq, or messageId",
            ));
        }
        (Some(_), None, None) => {
            return Err(Refusal::invalid(
                "seq",
                "missing",
                "give roomId and seq, or messageId",
            ));
        }
    };
    let position = read::run(&call.app.context, &call.actor(), up_to).await?;
    Answer::now(&Position {
        status: "OK",
        room_id: position.room_id,
        last_read_seq: position.last_read_seq,
        unread: position.unread,
    })
}
