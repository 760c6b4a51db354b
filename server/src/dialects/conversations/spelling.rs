//! What this dialect's clients hear of canonical events: new messages, as previews.

use chat_core::protocol::server::ServerEvent;

use super::objects::ConversationMessage;
use crate::dialects::speech::{Hearers, Speech};

/// The table of this dialect's events.
pub(crate) fn translate(event: &ServerEvent) -> Speech {
    match event {
        ServerEvent::MessageDelivered(message) => {
            let mut new = ConversationMessage::from(message.clone());
            new.body = None;
            Speech::default().say("message:new", Hearers::everyone(), &new)
        }
        _ => Speech::default(),
    }
}
