//! `presence.*`: telling one's own status, asking for others', hearing of their changes.

use chat_core::error::Refusal;
use chat_core::protocol::client::{PresenceSet, PresenceUsers};
use chat_core::protocol::objects::Presence;
use chat_processor::commands::{contacts, set_presence};
use serde::Serialize;

use super::{Answer, Call, Status};
use crate::auth::throttle;

#[derive(Serialize)]
struct Presences {
    status: &'static str,
    presence: Vec<Presence>,
}

/// `presence.set`.
pub(super) async fn set(call: &Call<'_>) -> Result<Answer, Refusal> {
    let chosen: PresenceSet = call.parse()?;
    let job = set_presence::check(&call.actor(), &chosen)?;
    if call.app.shedding.is_active() {
        call.app.metrics.shed("presence.set");
        return Answer::shed();
    }
    if !throttle::presence_passes(call.app, call.client.user_id).await {
        return Answer::shed();
    }
    Answer::queued(job, &Status::QUEUED)
}

/// `presence.get`.
pub(super) async fn get(call: &Call<'_>) -> Result<Answer, Refusal> {
    let asked: PresenceUsers = call.parse()?;
    let presence = contacts::presence(&call.app.context, &call.actor(), &asked).await?;
    Answer::now(&Presences {
        status: "OK",
        presence,
    })
}

/// `presence.subscribe`: from now on this socket hears of these users too.
pub(super) async fn subscribe(call: &Call<'_>) -> Result<Answer, Refusal> {
    let asked: PresenceUsers = call.parse()?;
    // Asked first, because it checks the bounds; asked again below, after the subscription.
    contacts::presence(&call.app.context, &call.actor(), &asked).await?;
    for user in &asked.user_ids {
        if call.client.note_watched(*user)
            && call.app.hub.watch(call.client, *user)
            && let Err(error) = call.app.subscriptions.listen(Some(*user), &[]).await
        {
            tracing::warn!(%error, "a watched user's channel is not subscribed yet");
        }
    }
    let presence = contacts::presence(&call.app.context, &call.actor(), &asked).await?;
    Answer::now(&Presences {
        status: "OK",
        presence,
    })
}

/// `presence.unsubscribe`.
pub(super) async fn unsubscribe(call: &Call<'_>) -> Result<Answer, Refusal> {
    let asked: PresenceUsers = call.parse()?;
    let presence = contacts::presence(&call.app.context, &call.actor(), &asked).await?;
    for user in &asked.user_ids {
        if call.client.forget_watched(*user) && call.app.hub.unwatch(call.client, *user) {
            call.app.subscriptions.drop_unneeded(Some(*user), &[]).await;
        }
    }
    Answer::now(&Presences {
        status: "OK",
        presence,
    })
}
