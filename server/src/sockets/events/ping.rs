//! `ping`: a sign of life above the transport's own, in every namespace.

use chat_core::error::Refusal;
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use serde::Serialize;

use super::{Answer, Call};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pong {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    timestamp: Timestamp,
    user_id: UserId,
}

/// Answers by ack and by the event `pong`; the payload may be anything.
pub(super) fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut pong = Pong {
        status: None,
        timestamp: Timestamp::now(),
        user_id: call.client.user_id,
    };
    call.client.emit("pong", &pong);
    pong.status = Some("OK");
    Answer::now(&pong)
}
