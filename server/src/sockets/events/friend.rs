//! `friend.*`: asking, answering, taking back, parting.

use chat_core::error::Refusal;
use chat_core::ids::FriendRequestId;
use chat_core::protocol::client::{FriendAnswer, FriendRemove, FriendRequest};
use chat_processor::commands::friend;
use serde::Serialize;

use super::{Answer, Call, Status};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Requested {
    status: &'static str,
    request_id: FriendRequestId,
}

/// `friend.request`.
pub(super) async fn request(call: &Call<'_>) -> Result<Answer, Refusal> {
    let request: FriendRequest = call.parse()?;
    let checked = friend::check(&call.app.context, &call.actor(), request).await?;
    let answer = Requested {
        status: "QUEUED",
        request_id: checked.request_id,
    };
    Answer::queued(checked.job, &answer)
}

/// `friend.accept`, `friend.refuse` and `friend.cancel`.
pub(super) async fn answer(call: &Call<'_>, answer: friend::Answer) -> Result<Answer, Refusal> {
    let payload: FriendAnswer = call.parse()?;
    let job = friend::check_answer(&call.app.context, &call.actor(), payload, answer).await?;
    Answer::queued(job, &Status::QUEUED)
}

/// `friend.remove`.
pub(super) async fn remove(call: &Call<'_>) -> Result<Answer, Refusal> {
    let remove: FriendRemove = call.parse()?;
    let job = friend::check_remove(&call.app.context, &call.actor(), remove).await?;
    Answer::queued(job, &Status::QUEUED)
}
