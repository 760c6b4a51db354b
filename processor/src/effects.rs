//! What the connected clients must hear of a committed act.

use std::collections::BTreeMap;

use chat_backends::redis::fanout_publisher::Broadcast;
use chat_backends::redis::{Redis, RedisError, announce, ring};
use chat_core::fanout::{Control, Fanout};
use chat_core::ids::{RoomId, UserId};
use chat_core::job::Job;
use chat_core::names;
use chat_core::protocol::server::ServerEvent;

use crate::failure::Failure;
use crate::stale;

/// One event and whom it is for.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Whose sockets hear it.
    pub target: Target,
    /// The event.
    pub fanout: Fanout,
    /// The room and number of the new message that the event delivers: it goes into the room's ring too.
    pub stored: Option<(RoomId, i64)>,
}

/// Whose sockets hear an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// All sockets of all members of a room.
    Room(RoomId),
    /// All sockets of a user.
    User(UserId),
}

impl Effect {
    /// `event` for `target`, as a consequence of `job`: the delivery latency is counted from the job's creation.
    ///
    /// # Errors
    /// [`Failure::Job`] if the event can't be encoded.
    pub fn of_job(target: Target, event: &ServerEvent, job: &Job) -> Result<Self, Failure> {
        let mut effect = Self::new(target, event)?;
        effect.fanout.since_ms = Some(job.created_at.unix_millis());
        effect.fanout.origin_socket.clone_from(&job.socket_id);
        Ok(effect)
    }

    /// `event` for `target`.
    ///
    /// # Errors
    /// [`Failure::Job`] if the event can't be encoded.
    pub fn new(target: Target, event: &ServerEvent) -> Result<Self, Failure> {
        let fanout = Fanout::new(event).map_err(|error| Failure::Job(error.into()))?;
        Ok(Self {
            target,
            fanout,
            stored: None,
        })
    }

    /// Tells the gateways that `user` belongs to another room from now on.
    ///
    /// # Errors
    /// [`Failure::Job`] if the event can't be encoded.
    pub fn control(user: UserId, event: &str, control: Control) -> Result<Self, Failure> {
        let fanout = Fanout::control(event, control).map_err(|error| Failure::Job(error.into()))?;
        Ok(Self {
            target: Target::User(user),
            fanout,
            stored: None,
        })
    }
}

impl Target {
    fn channel(self) -> String {
        match self {
            Self::Room(room) => names::fanout_room(room),
            Self::User(user) => names::fanout_user(user),
        }
    }
}

/// Publishes `effects` in their order, and keeps the messages that they deliver in the rooms' rings.
///
/// # Errors
/// If Redis does not take them; publishing all of them again is harmless, clients drop what they have.
pub async fn publish(redis: &Redis, effects: &[Effect]) -> Result<(), RedisError> {
    if effects.is_empty() {
        return Ok(());
    }
    stale::forget(redis, effects).await?;
    let mut rings: BTreeMap<RoomId, Vec<ring::Entry>> = BTreeMap::new();
    let mut broadcasts = Vec::with_capacity(effects.len());
    for effect in effects {
        if let Some((room, seq)) = effect.stored {
            rings.entry(room).or_default().push(ring::Entry {
                seq,
                message: effect.fanout.data.get().to_owned(),
            });
        }
        broadcasts.push(Broadcast {
            channel: effect.target.channel(),
            payload: serde_json::to_string(&effect.fanout)
                .expect("texts and raw JSON always encode"),
        });
    }
    let rings: Vec<_> = rings.into_iter().collect();
    announce::announce(redis, &rings, &broadcasts).await
}
