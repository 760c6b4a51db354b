//! Presence, groups that are entered, events of the clients' own, signs of life.

use chat_backends::postgres::rooms;
use chat_backends::redis::presence as presences;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::fanout::{Fanout, Spoken};
use chat_core::ids::{RoomId, UserId};
use chat_core::job::Job;
use chat_core::limits;
use chat_core::protocol::client::{PresenceSet, RoomJoin};
use chat_core::protocol::objects::PresenceStatus;
use chat_core::time::Timestamp;
use chat_processor::commands::{access, contacts, join_room, set_presence};
use chat_processor::effects::{self, Effect, Target};
use chat_processor::failure::unavailable;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::conversation::Conversation;
use super::messages::Status;
use super::spelling;
use crate::auth::throttle;
use crate::dialects::Dialect;
use crate::sockets::events::{Answer, Call};

#[derive(Debug, Clone, Deserialize)]
struct Presence {
    status: PresenceStatus,
    #[serde(default)]
    activity: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JoinGroup {
    group_id: RoomId,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Broadcast {
    event: String,
    payload: Map<String, Value>,
    #[serde(flatten)]
    conversation: Conversation,
    #[serde(default)]
    exclude_self: bool,
}

#[derive(Serialize)]
struct OnlineUsers {
    users: Vec<UserId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JoinedGroup {
    group_id: RoomId,
    room_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Beat {
    timestamp: Timestamp,
    user_id: UserId,
}

#[derive(Serialize)]
struct ServerStats {
    queue: QueueStats,
    cache: CacheStats,
    timestamp: Timestamp,
}

#[derive(Serialize)]
struct QueueStats {
    connected: bool,
    shedding: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CacheStats {
    connected: bool,
    online_users: u64,
}

/// `updatePresence` and `presence`.
pub(super) async fn presence(call: &Call<'_>) -> Result<Answer, Refusal> {
    let chosen: Presence = call.parse()?;
    let set = PresenceSet {
        status: chosen.status,
        activity: chosen.activity,
    };
    let job = set_presence::check(&call.actor(), &set)?;
    if call.app.shedding.is_active() {
        call.app.metrics.shed("presence.set");
        return Answer::shed();
    }
    if !throttle::presence_passes(call.app, call.client.user_id).await {
        return Answer::shed();
    }
    Answer::queued(job, &Status::QUEUED)
}

/// `getOnlineUsers`: the contacts that are online, and the caller.
pub(super) async fn online(call: &Call<'_>) -> Result<Answer, Refusal> {
    let users = online_contacts(call.app, call.client.user_id).await?;
    let online = OnlineUsers { users };
    Answer::now(&online)?.emitting("onlineUsers", &online)
}

/// Who is online of a user's contacts and the user.
///
/// # Errors
/// `unavailable`.
pub(crate) async fn online_contacts(
    app: &crate::app::App,
    user: UserId,
) -> Result<Vec<UserId>, Refusal> {
    let mut users = contacts::of(&app.context, user)
        .await
        .map_err(|error| unavailable(&error))?;
    users.push(user);
    presences::online_among(&app.context.redis, &users)
        .await
        .map_err(|error| unavailable(&error))
}

/// `joinGroup`: entering a group that one is in, or an open one.
pub(super) async fn join(call: &Call<'_>) -> Result<Answer, Refusal> {
    let JoinGroup { group_id } = call.parse()?;
    let (context, actor) = (&call.app.context, call.actor());
    let access = rooms::access(&context.pg, group_id, actor.user_id)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(access::room_not_found)?;
    let jobs: Vec<Job> = if access.role.is_some() {
        let entered = spelling::entered(actor.user_id, group_id, Timestamp::now());
        tell(call, group_id, "userJoinedGroup".to_owned(), &entered, true).await?;
        Vec::new()
    } else {
        let join = RoomJoin {
            room_id: group_id,
            invite_id: None,
        };
        vec![join_room::check(context, &actor, join).await?]
    };
    let joined = JoinedGroup {
        group_id,
        room_name: format!("group:{group_id}"),
    };
    Answer::all_queued(jobs, &joined)?.emitting("joinedGroup", &joined)
}

/// `broadcastEvent`: an event of the clients' own for the members of a conversation.
pub(super) async fn broadcast(call: &Call<'_>) -> Result<Answer, Refusal> {
    let broadcast: Broadcast = call.parse()?;
    let name = spelling::free_name(&broadcast.event)?;
    if call.payload.map_or(0, |payload| payload.get().len()) > limits::SIGNAL_BYTES {
        let message = format!("The event is larger than {} bytes.", limits::SIGNAL_BYTES);
        return Err(Refusal::new(ErrorCode::PayloadTooLarge, message));
    }
    let actor = call.actor();
    let room = broadcast.conversation.existing(call.app, &actor).await?;
    let access = access::of_member(&call.app.context, room, actor.user_id).await?;
    if access.blocked {
        let message = "One of you has blocked the other.";
        return Err(Refusal::new(ErrorCode::Blocked, message));
    }
    let facts = &call.app.facts;
    let sender = facts.person(&call.app.context.pg, actor.user_id).await;
    let mut payload = broadcast.payload;
    payload.insert("sender".to_owned(), serde_json::json!(sender));
    payload.insert("timestamp".to_owned(), serde_json::json!(Timestamp::now()));
    tell(call, room, name, &payload, broadcast.exclude_self).await?;
    Answer::now(&Status::OK)
}

/// `heartbeat`.
pub(super) fn heartbeat(call: &Call<'_>) -> Result<Answer, Refusal> {
    let beat = Beat {
        timestamp: Timestamp::now(),
        user_id: call.client.user_id,
    };
    Answer::now(&beat)?.emitting("heartbeat", &beat)
}

/// `getStats`.
pub(super) async fn stats(call: &Call<'_>) -> Result<Answer, Refusal> {
    let online = presences::online_count(&call.app.context.redis).await;
    let stats = ServerStats {
        queue: QueueStats {
            connected: call.app.dispatcher.publisher().is_healthy(),
            shedding: call.app.shedding.is_active(),
        },
        cache: CacheStats {
            connected: online.is_ok(),
            online_users: online.unwrap_or_default(),
        },
        timestamp: Timestamp::now(),
    };
    Answer::now(&stats)?.emitting("serverStats", &stats)
}

/// Tells the members of a room something that only this dialect has a name for.
async fn tell<T: Serialize>(
    call: &Call<'_>,
    room: RoomId,
    event: String,
    payload: &T,
    exclude_self: bool,
) -> Result<(), Refusal> {
    let fanout = serde_json::value::to_raw_value(payload).and_then(|data| {
        Fanout::spoken(&Spoken {
            dialect: Dialect::Chatchit.name().to_owned(),
            event,
            data,
        })
    });
    let mut fanout = fanout.map_err(|error| {
        tracing::error!(%error, "an event of a client could not be encoded");
        Refusal::new(ErrorCode::Internal, "Something went wrong.")
    })?;
    fanout.except_user = exclude_self.then_some(call.client.user_id);
    let effect = Effect {
        target: Target::Room(room),
        fanout,
        stored: None,
    };
    effects::publish(&call.app.context.redis, &[effect])
        .await
        .map_err(|error| unavailable(&error))
}
