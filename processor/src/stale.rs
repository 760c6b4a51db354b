//! What Redis remembers and an act made untrue: forgotten after the commit, before anybody hears of the act.

use std::collections::BTreeSet;

use chat_backends::redis::{Redis, RedisError, members, ring};
use chat_core::fanout::{CONTROL_JOIN, CONTROL_LEAVE, Control};
use chat_core::ids::RoomId;

use crate::effects::{Effect, Target};

/// What the effects say is no longer as it was remembered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stale {
    /// Rooms that somebody joined or left.
    members: BTreeSet<RoomId>,
    /// Rooms with a message that is not what it was: a resume must not bring a deleted text back.
    messages: BTreeSet<RoomId>,
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
    Ok(())
}

impl Stale {
    fn of(effects: &[Effect]) -> Self {
        let mut stale = Self::default();
        for effect in effects {
            match (effect.fanout.event.as_str(), effect.target) {
                (CONTROL_JOIN | CONTROL_LEAVE, _) => {
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
                _ => {}
            }
        }
        stale
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ids::UserId;
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
        assert!(stale.messages.is_empty());
    }
}
