//! The names of the events that clients may send.

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};

use crate::sockets::namespace::Namespace;

/// An event that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    MessageSend,
    MessageEdit,
    MessageDelete,
    MessagePin,
    MessageUnpin,
    MessageForward,
    MessageReact,
    MessageRead,
    MessageHistory,
    TypingStart,
    TypingStop,
    PresenceSet,
    PresenceSubscribe,
    PresenceUnsubscribe,
    PresenceGet,
    RoomCreate,
    RoomInvite,
    RoomJoin,
    RoomLeave,
    RoomKick,
    RoomRole,
    RoomUpdate,
    RoomDelete,
    RoomMute,
    FriendRequest,
    FriendAccept,
    FriendRefuse,
    FriendCancel,
    FriendRemove,
    BlockAdd,
    BlockRemove,
    CallInitiate,
    CallAnswer,
    CallRefuse,
    CallClose,
    CallSignal,
    StoryView,
    SessionResume,
    SessionRefresh,
    Ping,
}

/// Describes a payload.
pub(crate) type Payload = fn(&mut SchemaGenerator) -> Schema;

fn of<T: JsonSchema>() -> Payload {
    SchemaGenerator::subschema_for::<T>
}

/// The events that clients may send on `/chat`, with the shapes of their payloads.
pub(crate) fn described() -> impl Iterator<Item = (&'static str, Payload)> {
    Event::ALL
        .into_iter()
        .map(|event| (event.name(), event.payload()))
}

impl Event {
    const ALL: [Self; 40] = [
        Self::MessageSend,
        Self::MessageEdit,
        Self::MessageDelete,
        Self::MessagePin,
        Self::MessageUnpin,
        Self::MessageForward,
        Self::MessageReact,
        Self::MessageRead,
        Self::MessageHistory,
        Self::TypingStart,
        Self::TypingStop,
        Self::PresenceSet,
        Self::PresenceSubscribe,
        Self::PresenceUnsubscribe,
        Self::PresenceGet,
        Self::RoomCreate,
        Self::RoomInvite,
        Self::RoomJoin,
        Self::RoomLeave,
        Self::RoomKick,
        Self::RoomRole,
        Self::RoomUpdate,
        Self::RoomDelete,
        Self::RoomMute,
        Self::FriendRequest,
        Self::FriendAccept,
        Self::FriendRefuse,
        Self::FriendCancel,
        Self::FriendRemove,
        Self::BlockAdd,
        Self::BlockRemove,
        Self::CallInitiate,
        Self::CallAnswer,
        Self::CallRefuse,
        Self::CallClose,
        Self::CallSignal,
        Self::StoryView,
        Self::SessionResume,
        Self::SessionRefresh,
        Self::Ping,
    ];

    /// The name on the wire and in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MessageSend => "message.send",
            Self::MessageEdit => "message.edit",
            Self::MessageDelete => "message.delete",
            Self::MessagePin => "message.pin",
            Self::MessageUnpin => "message.unpin",
            Self::MessageForward => "message.forward",
            Self::MessageReact => "message.react",
            Self::MessageRead => "message.read",
            Self::MessageHistory => "message.history",
            Self::TypingStart => "typing.start",
            Self::TypingStop => "typing.stop",
            Self::PresenceSet => "presence.set",
            Self::PresenceSubscribe => "presence.subscribe",
            Self::PresenceUnsubscribe => "presence.unsubscribe",
            Self::PresenceGet => "presence.get",
            Self::RoomCreate => "room.create",
            Self::RoomInvite => "room.invite",
            Self::RoomJoin => "room.join",
            Self::RoomLeave => "room.leave",
            Self::RoomKick => "room.kick",
            Self::RoomRole => "room.role",
            Self::RoomUpdate => "room.update",
            Self::RoomDelete => "room.delete",
            Self::RoomMute => "room.mute",
            Self::FriendRequest => "friend.request",
            Self::FriendAccept => "friend.accept",
            Self::FriendRefuse => "friend.refuse",
            Self::FriendCancel => "friend.cancel",
            Self::FriendRemove => "friend.remove",
            Self::BlockAdd => "block.add",
            Self::BlockRemove => "block.remove",
            Self::CallInitiate => "call.initiate",
            Self::CallAnswer => "call.answer",
            Self::CallRefuse => "call.refuse",
            Self::CallClose => "call.close",
            Self::CallSignal => "call.signal",
            Self::StoryView => "story.view",
            Self::SessionResume => "session.resume",
            Self::SessionRefresh => "session.refresh",
            Self::Ping => "ping",
        }
    }

    /// The event of this name in a namespace.
    pub(crate) fn find(namespace: Namespace, name: &str) -> Option<Self> {
        let event = Self::ALL.into_iter().find(|event| event.name() == name)?;
        match namespace {
            Namespace::Chat => Some(event),
            Namespace::Root | Namespace::Ws => (event == Self::Ping).then_some(event),
        }
    }

    /// The shape of its payload, for the documents.
    fn payload(self) -> Payload {
        use chat_core::protocol::client as c;
        match self {
            Self::MessageSend => of::<c::MessageSend>(),
            Self::MessageEdit => of::<c::MessageEdit>(),
            Self::MessageDelete => of::<c::MessageDelete>(),
            Self::MessagePin | Self::MessageUnpin => of::<c::MessagePin>(),
            Self::MessageForward => of::<c::MessageForward>(),
            Self::MessageReact => of::<c::MessageReact>(),
            Self::MessageRead => of::<c::MessageRead>(),
            Self::MessageHistory => of::<c::MessageHistory>(),
            Self::TypingStart | Self::TypingStop => of::<c::Typing>(),
            Self::PresenceSet => of::<c::PresenceSet>(),
            Self::PresenceSubscribe | Self::PresenceUnsubscribe | Self::PresenceGet => {
                of::<c::PresenceUsers>()
            }
            Self::RoomCreate => of::<c::RoomCreate>(),
            Self::RoomInvite => of::<c::RoomInvite>(),
            Self::RoomJoin => of::<c::RoomJoin>(),
            Self::RoomLeave | Self::RoomDelete => of::<c::RoomRef>(),
            Self::RoomKick => of::<c::RoomKick>(),
            Self::RoomRole => of::<c::RoomRole>(),
            Self::RoomUpdate => of::<c::RoomUpdate>(),
            Self::RoomMute => of::<c::RoomMute>(),
            Self::FriendRequest => of::<c::FriendRequest>(),
            Self::FriendAccept | Self::FriendRefuse | Self::FriendCancel => of::<c::FriendAnswer>(),
            Self::FriendRemove => of::<c::FriendRemove>(),
            Self::BlockAdd | Self::BlockRemove => of::<c::BlockUser>(),
            Self::CallInitiate => of::<c::CallInitiate>(),
            Self::CallAnswer => of::<c::CallAnswer>(),
            Self::CallRefuse => of::<c::CallRefuse>(),
            Self::CallClose => of::<c::CallClose>(),
            Self::CallSignal => of::<c::CallSignal>(),
            Self::StoryView => of::<c::StoryRef>(),
            Self::SessionResume => of::<c::SessionResume>(),
            Self::SessionRefresh => of::<c::SessionRefresh>(),
            Self::Ping => of::<serde_json::Value>(),
        }
    }

    /// Whether it counts in the bucket of socket events; the others have buckets of their own.
    pub(crate) const fn is_limited_here(self) -> bool {
        !matches!(
            self,
            Self::MessageSend
                | Self::MessageForward
                | Self::TypingStart
                | Self::TypingStop
                | Self::PresenceSet
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_found_by_its_own_name_only() {
        for event in Event::ALL {
            assert_eq!(Event::find(Namespace::Chat, event.name()), Some(event));
        }
        for other in ["", "connect", "disconnect", "error", "Ping", "message.sent"] {
            assert_eq!(Event::find(Namespace::Chat, other), None);
        }
    }
}
