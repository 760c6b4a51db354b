//! Which room a conversation is: a group's id, a dm's id, or the id of the friend at the other end.

use chat_backends::postgres::rooms;
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::client::RoomCreate;
use chat_core::protocol::objects::RoomType;
use chat_processor::actor::Actor;
use chat_processor::commands::{access, create_room};
use chat_processor::failure::unavailable;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::auth::throttle;
use crate::dialects::facts::Known;

/// Group or friend; read from the number or the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ConversationType {
    /// `0`
    Group,
    /// `1`
    Friend,
}

impl From<RoomType> for ConversationType {
    fn from(kind: RoomType) -> Self {
        match kind {
            RoomType::Group => Self::Group,
            RoomType::Dm => Self::Friend,
        }
    }
}

impl<'de> Deserialize<'de> for ConversationType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(i64),
            Name(String),
        }
        match Given::deserialize(deserializer) {
            Ok(Given::Number(0)) => Ok(Self::Group),
            Ok(Given::Number(1)) => Ok(Self::Friend),
            Ok(Given::Name(name)) if name.eq_ignore_ascii_case("GROUP") => Ok(Self::Group),
            Ok(Given::Name(name)) if name.eq_ignore_ascii_case("FRIEND") => Ok(Self::Friend),
            _ => Err(serde::de::Error::custom(
                "must be 0 or \"GROUP\", 1 or \"FRIEND\"",
            )),
        }
    }
}

/// A conversation as clients name it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversation {
    conversation_id: Uuid,
    conversation_type: ConversationType,
}

impl Conversation {
    /// Its room. The dm with a friend is made on first use.
    pub(crate) async fn open(self, app: &App, actor: &Actor) -> Result<RoomId, Refusal> {
        if let Some(room) = self.find(app, actor).await? {
            return Ok(room);
        }
        // A send has a bucket of its own, which is only asked once its room is known.
        throttle::event(app, actor.user_id).await?;
        let create = RoomCreate {
            kind: RoomType::Dm,
            member_ids: vec![self.conversation_id.to_string()],
            title: None,
            description: None,
            avatar_url: None,
            join_policy: None,
        };
        let made = create_room::run(&app.context, actor, create).await?;
        if let Some(announcement) = made.announcement {
            // The room exists and its members' sockets are in it: whoever misses this hears of it by its first message.
            if let Err(refusal) = app.dispatcher.dispatch(announcement).await {
                tracing::warn!(code = %refusal.code, "a new dm was not announced");
            }
        }
        Ok(made.room.id)
    }

    /// Its room, if there is one: without a dm nothing in it can be meant.
    pub(crate) async fn existing(self, app: &App, actor: &Actor) -> Result<RoomId, Refusal> {
        self.find(app, actor)
            .await?
            .ok_or_else(access::room_not_found)
    }

    async fn find(self, app: &App, actor: &Actor) -> Result<Option<RoomId>, Refusal> {
        let room = RoomId::from(self.conversation_id);
        if self.conversation_type == ConversationType::Group {
            return Ok(Some(room));
        }
        // Rooms that somebody talks in are remembered; only a friend's id is asked for each time.
        let known = Known::of(&app.facts);
        known.place(room);
        if known.missing().is_empty() {
            return Ok(Some(room));
        }
        let away = |error: sqlx::Error| unavailable(&error);
        let pg = &app.context.pg;
        let friend = UserId::from(self.conversation_id);
        if friend != actor.user_id
            && let Some(dm) = rooms::dm(pg, actor.user_id, friend).await.map_err(away)?
        {
            return Ok(Some(dm));
        }
        let access = rooms::access(pg, room, actor.user_id).await.map_err(away)?;
        Ok(access.map(|_| room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_from_its_number_or_its_name() {
        for (json, expected) in [
            ("0", ConversationType::Group),
            ("\"GROUP\"", ConversationType::Group),
            ("1", ConversationType::Friend),
            ("\"FRIEND\"", ConversationType::Friend),
        ] {
            let read: ConversationType = serde_json::from_str(json).unwrap();
            assert_eq!(read, expected);
        }
        for json in ["2", "-1", "\"\"", "null", "{}", "0.5", "true"] {
            assert!(serde_json::from_str::<ConversationType>(json).is_err());
        }
    }
}
