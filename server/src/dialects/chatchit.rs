//! `chatchit`: camelCase events on `/chat` and `/`, conversations of groups and friends (the wire contract, §3.2).

mod calls;
mod carried;
mod conversation;
mod links;
mod messages;
mod objects;
mod people;
pub(crate) mod rest;
mod spelling;

use chat_core::error::Refusal;

pub(crate) use self::carried::Carried;
pub(crate) use self::spelling::translate;
use crate::sockets::events::{Answer, Call};

/// An event of this dialect's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    SendMessage,
    DeleteMessage,
    MessageRead,
    SeenStatus,
    Typing,
    CallUser,
    AnswerCall,
    RefuseCall,
    CloseCall,
    GiveUpCall,
    UpdatePresence,
    Presence,
    GetOnlineUsers,
    JoinGroup,
    Broadcast,
    Heartbeat,
    GetStats,
}

impl Event {
    const ALL: [Self; 17] = [
        Self::SendMessage,
        Self::DeleteMessage,
        Self::MessageRead,
        Self::SeenStatus,
        Self::Typing,
        Self::CallUser,
        Self::AnswerCall,
        Self::RefuseCall,
        Self::CloseCall,
        Self::GiveUpCall,
        Self::UpdatePresence,
        Self::Presence,
        Self::GetOnlineUsers,
        Self::JoinGroup,
        Self::Broadcast,
        Self::Heartbeat,
        Self::GetStats,
    ];

    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SendMessage => "sendMessage",
            Self::DeleteMessage => "deleteMessage",
            Self::MessageRead => "messageRead",
            Self::SeenStatus => "seenStatus",
            Self::Typing => "typing",
            Self::CallUser => "callUser",
            Self::AnswerCall => "answerCall",
            Self::RefuseCall => "refuseCall",
            Self::CloseCall => "closeCall",
            Self::GiveUpCall => "giveUpCall",
            Self::UpdatePresence => "updatePresence",
            Self::Presence => "presence",
            Self::GetOnlineUsers => "getOnlineUsers",
            Self::JoinGroup => "joinGroup",
            Self::Broadcast => "broadcastEvent",
            Self::Heartbeat => "heartbeat",
            Self::GetStats => "getStats",
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
            Self::SendMessage | Self::Typing | Self::UpdatePresence | Self::Presence
        )
    }
}

/// Does an event: each is a canonical act, or a question.
pub(crate) async fn handle(event: Event, call: &Call<'_>) -> Result<Answer, Refusal> {
    match event {
        Event::SendMessage => messages::send(call).await,
        Event::DeleteMessage => messages::delete(call).await,
        Event::MessageRead => messages::read(call).await,
        Event::SeenStatus => messages::seen(call).await,
        Event::Typing => messages::typing(call).await,
        Event::CallUser => calls::initiate(call).await,
        Event::AnswerCall => calls::answer(call).await,
        Event::RefuseCall => calls::refuse(call).await,
        Event::CloseCall | Event::GiveUpCall => calls::close(call).await,
        Event::UpdatePresence | Event::Presence => people::presence(call).await,
        Event::GetOnlineUsers => people::online(call).await,
        Event::JoinGroup => people::join(call).await,
        Event::Broadcast => people::broadcast(call).await,
        Event::Heartbeat => people::heartbeat(call),
        Event::GetStats => people::stats(call).await,
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
        for other in ["", "ping", "sendmessage", "message.send", "messageComing"] {
            assert_eq!(Event::find(other), None, "{other}");
        }
    }
}
