//! `call.*`: ringing goes through the queue, everything after is direct, because people wait for it.

use chat_core::error::Refusal;
use chat_core::ids::CallId;
use chat_core::protocol::client::{CallAnswer, CallClose, CallInitiate, CallRefuse, CallSignal};
use chat_core::protocol::objects;
use chat_processor::commands::{call, call_signal, initiate_call};
use serde::Serialize;

use super::{Answer, Call, Status};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ringing {
    status: &'static str,
    call_id: CallId,
}

#[derive(Serialize)]
struct Changed {
    status: &'static str,
    call: objects::Call,
}

/// `call.initiate`.
pub(super) async fn initiate(call: &Call<'_>) -> Result<Answer, Refusal> {
    let request: CallInitiate = call.parse()?;
    let checked = initiate_call::check(&call.app.context, &call.actor(), request).await?;
    let answer = Ringing {
        status: "QUEUED",
        call_id: checked.call_id,
    };
    Answer::queued(checked.job, &answer)
}

/// `call.answer`.
pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Refusal> {
    let answer: CallAnswer = call.parse()?;
    changed(call::answer(&call.app.context, &call.actor(), answer).await?)
}

/// `call.refuse`.
pub(super) async fn refuse(call: &Call<'_>) -> Result<Answer, Refusal> {
    let refuse: CallRefuse = call.parse()?;
    changed(call::refuse(&call.app.context, &call.actor(), refuse).await?)
}

/// `call.close`.
pub(super) async fn close(call: &Call<'_>) -> Result<Answer, Refusal> {
    let close: CallClose = call.parse()?;
    changed(call::close(&call.app.context, &call.actor(), close).await?)
}

/// `call.signal`.
pub(super) async fn signal(call: &Call<'_>) -> Result<Answer, Refusal> {
    let signal: CallSignal = call.parse_unbuffered()?;
    call_signal::run(&call.app.context, &call.actor(), signal).await?;
    Answer::now(&Status::OK)
}

fn changed(call: objects::Call) -> Result<Answer, Refusal> {
    Answer::now(&Changed { status: "OK", call })
}
