//! `room.invite`: asking people into a group, or adding them at once.

use chat_core::error::Refusal;
use chat_core::ids::{InviteId, UserId};
use chat_core::protocol::client::RoomInvite;
use chat_processor::commands::invite;
use serde::Serialize;

use super::{Answer, Call};

#[derive(Serialize)]
struct Queued {
    status: &'static str,
    invites: Vec<Invited>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invited {
    id: InviteId,
    user_id: UserId,
}

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let request: RoomInvite = call.parse()?;
    let checked = invite::check(&call.app.context, &call.actor(), request).await?;
    let invites = checked
        .invites
        .iter()
        .map(|(id, user_id)| Invited {
            id: *id,
            user_id: *user_id,
        })
        .collect();
    let answer = Queued {
        status: "QUEUED",
        invites,
    };
    Answer::queued(checked.job, &answer)
}
