//! `callUser`, `answerCall`, `refuseCall`, `closeCall` and `giveUpCall`.

use chat_backends::postgres::calls;
use chat_core::error::Refusal;
use chat_core::ids::CallId;
use chat_core::protocol::client::{CallAnswer, CallClose, CallInitiate, CallRefuse};
use chat_processor::commands::{access, call as call_commands, initiate_call};
use chat_processor::failure::unavailable;
use serde::{Deserialize, Serialize};

use super::conversation::Conversation;
use super::objects::CallType;
use crate::sockets::events::{Answer, Call};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallEvent {
    #[serde(flatten)]
    conversation: Conversation,
    #[serde(default)]
    call_type: CallType,
    #[serde(default)]
    signal_data: Option<String>,
    #[serde(default)]
    call_id: Option<CallId>,
}

impl CallEvent {
    /// The call that is meant: the one that is named, else the room's current one.
    async fn id(&self, call: &Call<'_>) -> Result<CallId, Refusal> {
        if let Some(id) = self.call_id {
            return Ok(id);
        }
        let actor = call.actor();
        let room = self.conversation.existing(call.app, &actor).await?;
        access::of_member(&call.app.context, room, actor.user_id).await?;
        calls::live(&call.app.context.pg, room)
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(call_commands::call_not_found)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acted {
    status: &'static str,
    call_id: CallId,
}

impl Acted {
    fn ok(call_id: CallId) -> Result<Answer, Refusal> {
        let status = "ok";
        Answer::now(&Self { status, call_id })
    }
}

pub(super) async fn initiate(call: &Call<'_>) -> Result<Answer, Refusal> {
    let event: CallEvent = call.parse()?;
    let actor = call.actor();
    let request = CallInitiate {
        room_id: event.conversation.open(call.app, &actor).await?,
        media: event.call_type.into(),
        sdp: event.signal_data,
    };
    let checked = initiate_call::check(&call.app.context, &actor, request).await?;
    let acted = Acted {
        status: "queued",
        call_id: checked.call_id,
    };
    Answer::queued(checked.job, &acted)
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Refusal> {
    let event: CallEvent = call.parse()?;
    let call_id = event.id(call).await?;
    let sdp = event.signal_data;
    let answer = CallAnswer { call_id, sdp };
    call_commands::answer(&call.app.context, &call.actor(), answer).await?;
    Acted::ok(call_id)
}

pub(super) async fn refuse(call: &Call<'_>) -> Result<Answer, Refusal> {
    let event: CallEvent = call.parse()?;
    let call_id = event.id(call).await?;
    let reason = None;
    let refuse = CallRefuse { call_id, reason };
    call_commands::refuse(&call.app.context, &call.actor(), refuse).await?;
    Acted::ok(call_id)
}

pub(super) async fn close(call: &Call<'_>) -> Result<Answer, Refusal> {
    let event: CallEvent = call.parse()?;
    let call_id = event.id(call).await?;
    call_commands::close(&call.app.context, &call.actor(), CallClose { call_id }).await?;
    Acted::ok(call_id)
}
