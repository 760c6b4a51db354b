//! Identifiers: lower-case UUIDs on the wire, one Rust type for each kind of thing.
//!
//! Message, job and room ids are version 7, so that keys made one after the other lie side by side in an index.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// An identifier of a thing of kind `K`; ids of different kinds can't be mixed up.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

/// The kinds of things that have an identifier.
pub mod kind {
    /// A registered account.
    pub enum User {}
    /// A dm or a group.
    pub enum Room {}
    /// A message of a room.
    pub enum Message {}
    /// A unit of work on a queue.
    pub enum Job {}
    /// A login of a user on one device.
    pub enum Session {}
    /// An invitation into a group.
    pub enum Invite {}
    /// A friend request.
    pub enum FriendRequest {}
    /// A voice or video call.
    pub enum Call {}
    /// A story.
    pub enum Story {}
    /// A comment below a story.
    pub enum Comment {}
    /// An uploaded file.
    pub enum Attachment {}
    /// A report to the moderators.
    pub enum Report {}
    /// An export of a user's data.
    pub enum Export {}
    /// A Web Push subscription.
    pub enum PushSubscription {}
    /// An event of the event log.
    pub enum Event {}
}

/// Id of a user.
pub type UserId = Id<kind::User>;
/// Id of a room.
pub type RoomId = Id<kind::Room>;
/// Id of a message.
pub type MessageId = Id<kind::Message>;
/// Id of a job.
pub type JobId = Id<kind::Job>;
/// Id of a session.
pub type SessionId = Id<kind::Session>;
/// Id of an invite.
pub type InviteId = Id<kind::Invite>;
/// Id of a friend request.
pub type FriendRequestId = Id<kind::FriendRequest>;
/// Id of a call.
pub type CallId = Id<kind::Call>;
/// Id of a story.
pub type StoryId = Id<kind::Story>;
/// Id of a story's comment.
pub type CommentId = Id<kind::Comment>;
/// Id of an attachment.
pub type AttachmentId = Id<kind::Attachment>;
/// Id of a report.
pub type ReportId = Id<kind::Report>;
/// Id of a data export.
pub type ExportId = Id<kind::Export>;
/// Id of a push subscription.
pub type PushSubscriptionId = Id<kind::PushSubscription>;
/// Id of an entry of the event log.
pub type EventId = Id<kind::Event>;

/// The text is not a UUID in its hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of the form 00000000-0000-0000-0000-000000000000")]
pub struct MalformedId;

impl<K> Id<K> {
    /// A new id whose order follows the clock (UUID version 7).
    pub fn now_v7() -> Self {
        Self::from(Uuid::now_v7())
    }

    /// A new random id (UUID version 4), for things whose age must not be readable from their id.
    pub fn random() -> Self {
        Self::from(Uuid::new_v4())
    }

    /// The bare UUID, for the adapters that store it.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<K> schemars::JsonSchema for Id<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "uuid"})
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(uuid: Uuid) -> Self {
        Self {
            uuid,
            kind: PhantomData,
        }
    }
}

impl<K> FromStr for Id<K> {
    type Err = MalformedId;

    /// Takes only the hyphenated form: `uuid` alone would also take braces, URNs and bare hex.
    fn from_str(text: &str) -> Result<Self, MalformedId> {
        if text.len() != 36 {
            return Err(MalformedId);
        }
        Uuid::try_parse(text)
            .map(Self::from)
            .map_err(|_| MalformedId)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.hyphenated().fmt(f)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = Uuid::encode_buffer();
        serializer.serialize_str(self.uuid.hyphenated().encode_lower(&mut buffer))
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<K>(PhantomData<fn() -> K>);
        impl<K> de::Visitor<'_> for Text<K> {
            type Value = Id<K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id (UUID string)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id<K>, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_lower_case_on_the_wire_whatever_case_came_in() {
        let id: RoomId = "0190A5B4-0000-7000-8000-00000000ABCD".parse().unwrap();
        assert_eq!(
            serde_json::to_string(&id).unwrap(),
            "\"0190a5b4-0000-7000-8000-00000000abcd\""
        );
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused() {
        for text in [
            "",
            "room-1",
            "0190a5b400007000800000000000abcd",
            "{0190a5b4-0000-7000-8000-00000000abcd}",
            "urn:uuid:0190a5b4-0000-7000-8000-00000000abcd",
        ] {
            assert_eq!(text.parse::<RoomId>(), Err(MalformedId), "{text}");
        }
    }
}
