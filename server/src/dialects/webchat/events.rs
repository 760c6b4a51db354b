//! The names of the events that this dialect's clients may send, and who does what they ask.

use chat_core::error::Refusal;

use super::{chats, messages, users};
use crate::sockets::events::{Answer, Call};

/// An event of this dialect's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Message,
    Update,
    Delete,
    Pin,
    Unpin,
    Read,
    Status,
    Forward,
    ForwardMultiple,
    JoinChat,
    LeaveChat,
    GetChat,
    GetPinned,
    GetOnline,
    GetPresence,
    ListUsers,
    Typing,
}

impl Event {
    const ALL: [Self; 17] = [
        Self::Message,
        Self::Update,
        Self::Delete,
        Self::Pin,
        Self::Unpin,
        Self::Read,
        Self::Status,
        Self::Forward,
        Self::ForwardMultiple,
        Self::JoinChat,
        Self::LeaveChat,
        Self::GetChat,
        Self::GetPinned,
        Self::GetOnline,
        Self::GetPresence,
        Self::ListUsers,
        Self::Typing,
    ];

    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Update => "message:update",
            Self::Delete => "message:delete",
            Self::Pin => "message:pin",
            Self::Unpin => "message:unpin",
            Self::Read => "message:read",
            Self::Status => "message:status",
            Self::Forward => "message:forward",
            Self::ForwardMultiple => "message:forward-multiple",
            Self::JoinChat => "chat:join",
            Self::LeaveChat => "chat:leave",
            Self::GetChat => "chat:get",
            Self::GetPinned => "chat:get-pinned",
            Self::GetOnline => "user:get-online",
            Self::GetPresence => "user:get-presence",
            Self::ListUsers => "users:list",
            Self::Typing => "user:typing",
        }
    }

    /// The event of this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// Whether it counts in the bucket of socket events; the others have buckets of their own.
    pub(crate) const fn is_limited_here(self) -> bool {
        !matches!(
            self,
            Self::Message | Self::Forward | Self::ForwardMultiple | Self::Typing
        )
    }
}

/// Does an event: each is a canonical act, or a question.
pub(crate) async fn handle(event: Event, call: &Call<'_>) -> Result<Answer, Refusal> {
    match event {
        Event::Message => messages::send(call).await,
        Event::Update => messages::update(call).await,
        Event::Delete => messages::delete(call).await,
        Event::Pin => messages::pin(call).await,
        Event::Unpin => messages::unpin(call).await,
        Event::Read => messages::read(call).await,
        Event::Status => messages::status(call).await,
        Event::Forward => messages::forward(call).await,
        Event::ForwardMultiple => messages::forward_multiple(call).await,
        Event::JoinChat => chats::join(call).await,
        Event::LeaveChat => chats::leave(call).await,
        Event::GetChat => chats::get(call).await,
        Event::GetPinned => chats::pinned(call).await,
        Event::GetOnline => users::online(call).await,
        Event::GetPresence => users::presence(call).await,
        Event::ListUsers => users::list(call).await,
        Event::Typing => users::typing(call).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_found_by_its_own_name_only() {
        for event in Event::ALL {
            assert_eq!(Event::find(event.name()), Some(event));
        }
        for other in ["", "ping", "message:new", "message.send", "sendMessage"] {
            assert_eq!(Event::find(other), None, "{other}");
        }
    }
}
