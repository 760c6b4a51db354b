//! `user:*` and `users:list`: who is there, who is typing.

use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::client::PresenceUsers;
use chat_core::protocol::objects::PresenceStatus;
use chat_processor::commands::{contacts, typing as typing_command};
use chat_processor::failure::unavailable;
use serde::{Deserialize, Serialize};

use super::messages::Done;
use super::people;
use crate::auth::throttle;
use crate::sockets::events::{Answer, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Somebody {
    user_id: UserId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typing {
    chat_id: RoomId,
    #[serde(default = "yes")]
    is_typing: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct Online {
    status: &'static str,
    users: Vec<UserId>,
    count: usize,
}

#[derive(Serialize)]
struct Shown {
    status: &'static str,
    presence: Option<Presence>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Presence {
    user_id: UserId,
    status: PresenceStatus,
    /// In milliseconds, here alone.
    last_seen: Option<i64>,
}

#[derive(Serialize)]
struct Users {
    users: Vec<Listed>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: UserId,
    name: String,
    email: String,
    is_online: bool,
}

/// The caller, who is here, and those contacts who show that they are.
pub(super) async fn online(call: &Call<'_>) -> Result<Answer, Refusal> {
    let own = call.client.user_id;
    let mut known = contacts::of(&call.app.context, own)
        .await
        .map_err(|error| unavailable(&error))?;
    known.truncate(limits::CONTACTS - 1);
    let presence = people::presence(call.app, &call.actor(), &known).await?;
    known.retain(|user| {
        presence
            .get(user)
            .is_some_and(|shown| shown.status != PresenceStatus::Offline)
    });
    known.insert(0, own);
    Answer::now(&Online {
        status: "ok",
        count: known.len(),
        users: known,
    })
}

pub(super) async fn presence(call: &Call<'_>) -> Result<Answer, Refusal> {
    let Somebody { user_id } = call.parse()?;
    let asked = PresenceUsers {
        user_ids: vec![user_id],
    };
    let found = contacts::presence(&call.app.context, &call.actor(), &asked).await?;
    let presence = found.into_iter().next().map(|presence| Presence {
        user_id,
        status: presence.status,
        last_seen: presence.last_seen.map(|at| at.unix_millis()),
    });
    Answer::now(&Shown {
        status: "ok",
        presence,
    })
}

pub(super) async fn list(call: &Call<'_>) -> Result<Answer, Refusal> {
    let people = people::list(call.app, &call.actor()).await?;
    let users = people.into_iter().map(|person| Listed {
        is_online: person.is_online(),
        id: person.user.id,
        name: person.user.name,
        email: person.email,
    });
    Answer::now(&Users {
        users: users.collect(),
    })
}

pub(super) async fn typing(call: &Call<'_>) -> Result<Answer, Refusal> {
    let typing: Typing = call.parse()?;
    let (room_id, is_typing) = (typing.chat_id, typing.is_typing);
    if call.app.shedding.is_active() {
        call.app.metrics.shed(if is_typing {
            "typing.start"
        } else {
            "typing.stop"
        });
        return Answer::shed();
    }
    let signal = client::Typing { room_id };
    let job = typing_command::check(&call.app.context, &call.actor(), signal, is_typing).await?;
    if !throttle::typing_passes(call.app, call.client.user_id, room_id).await {
        return Answer::shed();
    }
    Answer::queued(job, &Done::OK)
}
