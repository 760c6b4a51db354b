//! What this dialect's clients hear of canonical events. They never hear of their own acts: REST answered those.

use chat_core::error::ErrorCode;
use chat_core::ids::{MessageId, RoomId};
use chat_core::protocol::client::DeleteScope;
use chat_core::protocol::server::ServerEvent;
use serde::Serialize;

use super::objects::QueuedMessage;
use crate::dialects::speech::{Hearers, Speech};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    chat_id: RoomId,
    message: QueuedMessage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    chat_id: RoomId,
    message_id: MessageId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    chat_id: RoomId,
    client_message_id: Option<&'a str>,
    code: ErrorCode,
}

/// The table of this dialect's events.
pub(crate) fn translate(event: &ServerEvent) -> Speech {
    let everyone = Hearers::everyone;
    match event {
        ServerEvent::MessageDelivered(message) => {
            let said = Said {
                chat_id: message.room_id,
                message: message.clone().into(),
            };
            let hearers = everyone().not_user(message.sender_id);
            Speech::default().say("chat.message.new", hearers, &said)
        }
        ServerEvent::MessageEdited { message, .. } => {
            let said = Said {
                chat_id: message.room_id,
                message: message.clone().into(),
            };
            let hearers = everyone().not_user(message.sender_id);
            Speech::default().say("chat.message.updated", hearers, &said)
        }
        ServerEvent::MessageDeleted {
            room_id,
            message_id,
            scope: DeleteScope::All,
            deleted_by,
            ..
        } => {
            let deleted = Deleted {
                chat_id: *room_id,
                message_id: *message_id,
            };
            let hearers = everyone().not_user(*deleted_by);
            Speech::default().say("chat.message.deleted", hearers, &deleted)
        }
        ServerEvent::MessageFailed {
            room_id,
            client_msg_id,
            code,
            ..
        } => {
            let failed = Failed {
                chat_id: *room_id,
                client_message_id: client_msg_id.as_deref(),
                code: *code,
            };
            Speech::default().say("chat.message.failed", everyone(), &failed)
        }
        _ => Speech::default(),
    }
}
