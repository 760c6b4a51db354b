//! What Redis remembers and an act made untrue: forgotten after the commit, before anybody hears of the act.

use std::collections::BTreeSet;

use chat_backends::redis::{Redis, RedisError, admission, graph, members, ring};
use chat_core::fanout::{CONTROL_JOIN, CONTROL_LEAVE, Control};
use chat_core::ids::{RoomId, UserId};
use serde::Deserialize;

use crate::effects::{Effect, Target};

/// What the effects say is no longer as it was remembered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stale {
    /// Rooms that somebody joined or left.
    members: BTreeSet<RoomId>,
    /// Rooms with a message that is not what it was: a resume must not bring a deleted text back.
    messages: BTreeSet<RoomId>,
    /// Users of whom it was remembered that they may send.
    senders: BTreeSet<UserId>,
    /// Users who have to do with others than before.
    graphs: BTreeSet<UserId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Of {
    room_id: RoomId,
}

/// A room that changed as a whole: slow mode may bind senders who were let through until now.
#[derive(Deserialize)]
struct Updated {
    room: UpdatedRoom,
}

#[derive(Deserialize)]
struct UpdatedRoom {
    id: RoomId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blocked {
    user_id: UserId,
}

/// Forgets what `effects` made untrue.
///
/// # Errors
/// [`RedisError`] if Redis is away: the caller tries again, as it does with the effects themselves.
pub(crate) async fn forget(redis: &Redis, effects: &[Effect]) -> Result<(), RedisError> {
    let stale = Stale::of(effects);
    for room in stale.members {
        members::invalidate(redis, room).await?;
    }
    for room in stale.messages {
        ring::forget(redis, room).await?;
    }
    for user in stale.senders {
        admission::hold(redis, user).await?;
    }
    for user in stale.graphs {
        graph::forget(redis, user).await?;
    }
    Ok(())
}

impl Stale {
    fn of(effects: &[Effect]) -> Self {
        let mut stale = Self::default();
        for effect in effects {
            match (effect.fanout.event.as_str(), effect.target) {
                (CONTROL_JOIN | CONTROL_LEAVE, target) => {
                    if let Target::User(user) = target {
                        stale.graphs.insert(user);
                    }
                    if let Ok(control) = serde_json::from_str::<Control>(effect.fanout.data.get()) {
                        stale.members.insert(control.room_id);
                    }
                }
                (
                    "message.edited" | "message.deleted" | "message.pinned" | "message.unpinned"
                    | "message.reaction",
                    Target::Room(room),
                ) => {
                    stale.messages.insert(room);
                }
                ("room.updated", _) => {
                    if let Ok(Updated { room }) = serde_json::from_str(effect.fanout.data.get()) {
                        stale.members.insert(room.id);
                    }
                }
                // Hidden from one member: the ring is everybody's, so that member must be answered from Postgres.
                ("message.deleted", Target::User(_)) => {
                    if let Ok(Of { room_id }) = serde_json::from_str(effect.fanout.data.get()) {
                        stale.messages.insert(room_id);
                    }
                }
                ("room.created" | "friend.accepted" | "friend.removed", Target::User(user)) => {
                    stale.graphs.insert(user);
                }
                ("block.changed", Target::User(user)) => {
                    stale.senders.insert(user);
                    stale.graphs.insert(user);
                    if let Ok(Blocked { user_id }) = serde_json::from_str(effect.fanout.data.get())
                    {
                        stale.senders.insert(user_id);
                        stale.graphs.insert(user_id);
                    }
                }
                _ => {}
            }
        }
        stale
    }
}

#[cfg(test)]
mod tests {
    use chat_core::protocol::server::ServerEvent;

    use super::*;

    #[test]
    fn a_join_makes_the_members_stale_and_a_typing_makes_nothing_stale() {
        let (room_id, user_id) = (RoomId::now_v7(), UserId::now_v7());
        let control = Control {
            room_id,
            from_seq: 7,
        };
        let join = Effect::control(user_id, CONTROL_JOIN, control).unwrap();
        let typing = ServerEvent::TypingUpdate {
            room_id: RoomId::now_v7(),
            user_id,
            is_typing: true,
            expires_at: chat_core::time::Timestamp::now(),
        };
        let typing = Effect::new(Target::Room(room_id), &typing).unwrap();
        let stale = Stale::of(&[join, typing]);
        assert_eq!(stale.members, BTreeSet::from([room_id]));
        assert_eq!(stale.graphs, BTreeSet::from([user_id]));
        assert!(stale.messages.is_empty());
    }

    #[test]
    fn a_deletion_for_oneself_makes_the_ring_stale_and_a_block_both_senders() {
        let (room_id, user_id, other) = (RoomId::now_v7(), UserId::now_v7(), UserId::now_v7());
        let deleted = ServerEvent::MessageDeleted {
            room_id,
            message_id: chat_core::ids::MessageId::now_v7(),
            seq: 3,
            scope: chat_core::protocol::client::DeleteScope::Me,
            deleted_by: user_id,
            deleted_at: chat_core::time::Timestamp::now(),
        };
        let blocked = ServerEvent::BlockChanged {
            user_id: other,
            blocked: true,
        };
        let effects =
            [deleted, blocked].map(|event| Effect::new(Target::User(user_id), &event).unwrap());
        let stale = Stale::of(&effects);
        assert_eq!(stale.messages, BTreeSet::from([room_id]));
        assert_eq!(stale.senders, BTreeSet::from([user_id, other]));
        assert_eq!(stale.graphs, BTreeSet::from([user_id, other]));
    }
}
