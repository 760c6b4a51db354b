//! `typing.start` and `typing.stop`: dropped without a word when there are too many, or when messages need the room.

use chat_core::error::Refusal;
use chat_core::protocol::client::Typing;
use chat_processor::commands::typing;

use super::{Answer, Call, Status};
use crate::auth::throttle;

pub(super) async fn handle(call: &Call<'_>, is_typing: bool) -> Result<Answer, Refusal> {
    let signal: Typing = call.parse()?;
    if call.app.shedding.is_active() {
        call.app.metrics.shed(if is_typing {
            "typing.start"
        } else {
            "typing.stop"
        });
        return Answer::shed();
    }
    let job = typing::check(&call.app.context, &call.actor(), signal, is_typing).await?;
    if !throttle::typing_passes(call.app, call.client.user_id, signal.room_id).await {
        return Answer::shed();
    }
    Answer::queued(job, &Status::QUEUED)
}
