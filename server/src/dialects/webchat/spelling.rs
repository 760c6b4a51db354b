//! What this dialect's clients hear of canonical events. Of a chat's messages only those hear who look at it.

use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::protocol::client::DeleteScope;
use chat_core::protocol::objects::{Message, Presence, PresenceStatus};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use serde::Serialize;

use super::objects::{ChatMessage, status};
use crate::dialects::speech::{Hearers, Scope, Speech};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acknowledged {
    message_id: MessageId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    message_id: MessageId,
    chat_id: RoomId,
    deleted_by: UserId,
    deleted_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusChanged {
    message_id: MessageId,
    status: &'static str,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Typing {
    chat_id: RoomId,
    user_id: UserId,
    is_typing: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserStatus {
    user_id: UserId,
    status: PresenceStatus,
    is_online: bool,
    last_seen: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserUpdate {
    user_id: UserId,
    is_online: bool,
}

/// The table of this dialect's events.
pub(crate) fn translate(event: &ServerEvent, scope: &Scope<'_>) -> Speech {
    match event {
        ServerEvent::MessageDelivered(message) => delivered(message, scope),
        ServerEvent::MessageEdited { message, .. } => changed("message:updated", message),
        ServerEvent::MessagePinned { message, .. } => changed("message:pinned", message),
        ServerEvent::MessageUnpinned { message, .. } => changed("message:unpinned", message),
        ServerEvent::MessageDeleted {
            room_id,
            message_id,
            scope: DeleteScope::All,
            deleted_by,
            deleted_at,
            ..
        } => {
            let deleted = Deleted {
                message_id: *message_id,
                chat_id: *room_id,
                deleted_by: *deleted_by,
                deleted_at: *deleted_at,
            };
            Speech::default().say("message:deleted", viewers(*room_id), &deleted)
        }
        ServerEvent::MessageStatus {
            message_id,
            status: reached,
            at,
            ..
        } => {
            let changed = StatusChanged {
                message_id: *message_id,
                status: status(*reached),
                timestamp: *at,
            };
            Speech::default().say("message:status", Hearers::everyone(), &changed)
        }
        ServerEvent::TypingUpdate {
            room_id,
            user_id,
            is_typing,
            ..
        } => {
            let typing = Typing {
                chat_id: *room_id,
                user_id: *user_id,
                is_typing: *is_typing,
            };
            Speech::default().say("user:typing", viewers(*room_id), &typing)
        }
        ServerEvent::PresenceUpdate(presence) => present(presence),
        _ => Speech::default(),
    }
}

fn viewers(room: RoomId) -> Hearers {
    Hearers::everyone().viewers_of(room)
}

fn delivered(message: &Message, scope: &Scope<'_>) -> Speech {
    let speech = changed("message", message);
    match scope.origin_socket {
        Some(origin) => {
            let acknowledged = Acknowledged {
                message_id: message.id,
            };
            let hearers = Hearers::everyone().only_socket(origin);
            speech.say("message:ack", hearers, &acknowledged)
        }
        None => speech,
    }
}

fn changed(name: &'static str, message: &Message) -> Speech {
    let shown = ChatMessage::from(message.clone());
    Speech::default().say(name, viewers(message.room_id), &shown)
}

/// For the contacts only: the user knows it.
fn present(presence: &Presence) -> Speech {
    let is_online = presence.status != PresenceStatus::Offline;
    let status = UserStatus {
        user_id: presence.user_id,
        status: presence.status,
        is_online,
        last_seen: presence.last_seen,
    };
    let update = UserUpdate {
        user_id: presence.user_id,
        is_online,
    };
    let contacts = || Hearers::everyone().not_user(presence.user_id);
    Speech::default()
        .say("user:status", contacts(), &status)
        .say("users:update", contacts(), &update)
}
