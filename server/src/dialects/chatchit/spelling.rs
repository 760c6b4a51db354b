//! What `chatchit` clients hear of canonical events.

use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{CallId, MessageId, RoomId, UserId};
use chat_core::protocol::objects::{CallMedia, Message, Presence, PresenceStatus};
use chat_core::protocol::server::{ServerEvent, UnavailableReason};
use chat_core::time::Timestamp;
use serde::Serialize;

use super::Event;
use super::objects::{CallType, ChatchitMessage, Scene};
use crate::dialects::facts::Person;
use crate::dialects::speech::{Hearers, Scope, Speech};

/// The canonical event in this dialect's words.
pub(crate) fn translate(event: &ServerEvent, scope: &Scope<'_>) -> Speech {
    match event {
        ServerEvent::MessageDelivered(message) => delivered(message, scope),
        ServerEvent::MessageEdited { message, .. } => {
            said(Speech::default(), "messageUpdated", message, scope)
        }
        ServerEvent::MessageDeleted {
            room_id,
            message_id,
            deleted_by,
            deleted_at,
            ..
        } => {
            let deleted = Deleted {
                message_id: *message_id,
                deleted_by: scope.known.person(*deleted_by),
                deleted_at: *deleted_at,
                conversation_id: *room_id,
            };
            Speech::default().say("messageDeleted", Hearers::everyone(), &deleted)
        }
        ServerEvent::MessageFailed {
            client_msg_id,
            code,
            message,
            ..
        } => Speech::default().say(
            "sendMessageError",
            Hearers::everyone(),
            &Failed {
                message,
                code: *code,
                temp_id: client_msg_id.as_deref(),
                call_id: None,
            },
        ),
        ServerEvent::MessageRead {
            room_id,
            user_id,
            message_id: Some(message_id),
            read_at,
            ..
        } => read(*room_id, *user_id, *message_id, *read_at, scope),
        ServerEvent::TypingUpdate {
            room_id,
            user_id,
            is_typing,
            ..
        } => to_others(*room_id, *user_id, scope, "typing", |scene| Typing {
            user: scope.known.person(*user_id),
            scene,
            is_typing: *is_typing,
            timestamp: scope.now,
        }),
        ServerEvent::PresenceUpdate(presence) => presence_changed(presence, scope),
        ServerEvent::MemberJoined {
            room_id, user_id, ..
        } => Speech::default().say(
            "userJoinedGroup",
            Hearers::everyone().not_user(*user_id),
            &entered(*user_id, *room_id, scope.now),
        ),
        _ => call(event, scope),
    }
}

fn delivered(message: &Message, scope: &Scope<'_>) -> Speech {
    let speech = said(Speech::default(), "messageComing", message, scope);
    let last = LastMessage {
        conversation_id: message.room_id,
    };
    let speech = speech.say("loadLastMessage", Hearers::everyone(), &last);
    let (Some(socket), Some(temp_id)) = (scope.origin_socket, &message.client_msg_id) else {
        return speech;
    };
    let processed = Processed {
        temp_id,
        message_id: message.id,
        status: "success",
    };
    let hearers = Hearers::everyone().only_socket(socket);
    speech.say("messageProcessed", hearers, &processed)
}

/// A message under `name`, to everybody as they see it.
fn said(speech: Speech, name: &'static str, message: &Message, scope: &Scope<'_>) -> Speech {
    let sender = scope.known.person(message.sender_id);
    scenes(message.room_id, scope)
        .into_iter()
        .fold(speech, |speech, (hearers, scene)| {
            let message = ChatchitMessage::of(message.clone(), scene, sender.clone());
            speech.say(name, hearers, &message)
        })
}

fn read(
    room: RoomId,
    reader: UserId,
    message_id: MessageId,
    at: Timestamp,
    scope: &Scope<'_>,
) -> Speech {
    let others = Hearers::everyone().not_user(reader);
    let read = Read {
        message_id,
        read_by: scope.known.person(reader),
        read_at: at,
        conversation_id: room,
    };
    let seen = Seen {
        user_id: reader,
        conversation_id: room,
        last_seen_message_id: message_id,
        seen_at: at,
    };
    Speech::default()
        .say("messageRead", others.clone(), &read)
        .say("userSeenUpdate", others, &seen)
}

fn presence_changed(presence: &Presence, scope: &Scope<'_>) -> Speech {
    let user_id = presence.user_id;
    let changed = PresenceChanged {
        user_id,
        status: presence.status,
        activity: presence.activity.as_deref(),
        timestamp: presence.at,
    };
    let speech = Speech::default()
        .say("userPresenceUpdate", Hearers::everyone(), &changed)
        .say("presenceUpdate", Hearers::everyone(), &changed);
    let others = Hearers::everyone().not_user(user_id);
    match presence.status {
        PresenceStatus::Offline => {
            let online_users = vec![];
            let gone = ComeOrGone {
                user_id,
                online_users,
            };
            speech.say("userOffline", others, &gone)
        }
        // Away or busy is a choice, unless it was chosen before and the user comes back.
        PresenceStatus::Away | PresenceStatus::Busy if scope.origin_socket.is_some() => speech,
        _ => {
            let online_users = vec![user_id];
            let come = ComeOrGone {
                user_id,
                online_users,
            };
            speech.say("userOnline", others, &come)
        }
    }
}

fn call(event: &ServerEvent, scope: &Scope<'_>) -> Speech {
    let at = scope.now;
    match event {
        ServerEvent::CallRinging {
            call_id,
            room_id,
            media,
            from,
            sdp,
            ..
        } => {
            let ringing = |scene| Ringing {
                call: CallScene::of(scene, *media, sdp.as_deref(), *call_id),
                caller_info: scope.known.person(from.id),
                timestamp: at,
            };
            let speech = to_others(*room_id, from.id, scope, "callUser", ringing);
            let open = to_others(*room_id, from.id, scope, "openCall", ringing);
            speech.and(open)
        }
        ServerEvent::CallUnavailable {
            call_id,
            reason: UnavailableReason::Offline,
            ..
        } => Speech::default().say(
            "userNotOnline",
            Hearers::everyone(),
            &NotOnline {
                message: "Nobody in this conversation is online.",
                call_id: *call_id,
            },
        ),
        ServerEvent::CallUnavailable {
            call_id,
            reason: UnavailableReason::Busy,
            ..
        } => Speech::default().say(
            "callUserError",
            Hearers::everyone(),
            &Failed {
                message: "There is a call in this conversation already.",
                code: ErrorCode::CallBusy,
                temp_id: None,
                call_id: Some(*call_id),
            },
        ),
        ServerEvent::CallAnswered {
            call_id,
            room_id,
            by,
            sdp,
            call,
        } => to_all(*room_id, scope, "callAccepted", |scene| Accepted {
            call: CallScene::of(scene, call.media, sdp.as_deref(), *call_id),
            answered_by: scope.known.person(*by),
            timestamp: at,
        })
        .each(|hearers| hearers.not_origin(scope)),
        ServerEvent::CallRefused {
            call_id,
            room_id,
            by,
            call,
        } => to_all(*room_id, scope, "refuseCall", |scene| Refused {
            call: CallScene::of(scene, call.media, None, *call_id),
            refused_by: scope.known.person(*by),
            timestamp: at,
        }),
        ServerEvent::CallClosed {
            call_id,
            room_id,
            by,
            ..
        } => closed(*by, *room_id, *call_id, at),
        // Nobody took it: whoever still rings stops.
        ServerEvent::CallStateChanged {
            call_id,
            state,
            call,
        } if state == "missed" => closed(call.caller_id, call.room_id, *call_id, at),
        _ => Speech::default(),
    }
}

fn closed(by: UserId, room: RoomId, call_id: CallId, at: Timestamp) -> Speech {
    let closed = Closed {
        closed_by: by,
        closed_at: at,
        conversation_id: room,
        call_id,
    };
    Speech::default().say("closeCall", Hearers::everyone(), &closed)
}

/// The conversation as its members see it: a group alike, a dm each from their side.
fn scenes(room: RoomId, scope: &Scope<'_>) -> Vec<(Hearers, Scene)> {
    let place = scope.known.place(room);
    match place.pair {
        None => vec![(Hearers::everyone(), Scene::of(room, place, None))],
        Some((one, other)) => [one, other]
            .map(|user| {
                let hearers = Hearers::everyone().only_user(user);
                (hearers, Scene::of(room, place, Some(user)))
            })
            .into(),
    }
}

fn to_all<T: Serialize>(
    room: RoomId,
    scope: &Scope<'_>,
    name: &'static str,
    payload: impl Fn(Scene) -> T,
) -> Speech {
    let scenes = scenes(room, scope).into_iter();
    scenes.fold(Speech::default(), |speech, (hearers, scene)| {
        speech.say(name, hearers, &payload(scene))
    })
}

fn to_others<T: Serialize>(
    room: RoomId,
    actor: UserId,
    scope: &Scope<'_>,
    name: &'static str,
    payload: impl Fn(Scene) -> T,
) -> Speech {
    to_all(room, scope, name, payload).each(|hearers| hearers.not_user(actor))
}

/// `userJoinedGroup`.
pub(super) fn entered(user_id: UserId, group_id: RoomId, timestamp: Timestamp) -> impl Serialize {
    Entered {
        user_id,
        group_id,
        timestamp,
    }
}

/// Names that clients may not give to events of their own: they mean something already.
const TAKEN: [&str; 53] = [
    "connect",
    "connect_error",
    "connection",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
    "error",
    "exception",
    "pong",
    "ping",
    "resync",
    "message",
    "authenticate",
    "authenticated",
    "messageQueued",
    "messageComing",
    "messageUpdated",
    "messageProcessed",
    "loadLastMessage",
    "deleteMessageQueued",
    "messageDeleted",
    "openCall",
    "userNotOnline",
    "callAccepted",
    "userPresenceUpdate",
    "presenceUpdate",
    "userSeenUpdate",
    "joinedGroup",
    "userJoinedGroup",
    "onlineUsers",
    "userOnline",
    "userOffline",
    "serverStats",
    "sendMessageError",
    "deleteMessageError",
    "messageReadError",
    "seenStatusError",
    "typingError",
    "callUserError",
    "answerCallError",
    "refuseCallError",
    "closeCallError",
    "giveUpCallError",
    "updatePresenceError",
    "presenceError",
    "getOnlineUsersError",
    "joinGroupError",
    "broadcastEventError",
    "heartbeatError",
    "getStatsError",
    "initiate",
    "event",
];

/// The name of an event of the clients' own, escaped for JSON.
///
/// # Errors
/// `validation_failed` for a name of the wrong size, `invalid_event` for one that means something already. All
/// canonical names have a dot and those of `webchat` a colon, so none with either is free.
pub(super) fn free_name(name: &str) -> Result<String, Refusal> {
    if name.is_empty() || name.chars().count() > 64 {
        let message = "must have 1 to 64 characters";
        return Err(Refusal::invalid("event", "wrong_size", message));
    }
    let odd = |c: char| matches!(c, '.' | ':') || c.is_control();
    if name.contains(odd) || TAKEN.contains(&name) || Event::find(name).is_some() {
        let message = "This event name has a meaning already. Please choose another one.";
        return Err(Refusal::new(ErrorCode::InvalidEvent, message));
    }
    let quoted = serde_json::Value::from(name).to_string();
    Ok(quoted[1..quoted.len() - 1].to_owned())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LastMessage {
    conversation_id: RoomId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Processed<'a> {
    temp_id: &'a str,
    message_id: MessageId,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    message_id: MessageId,
    deleted_by: Person,
    deleted_at: Timestamp,
    conversation_id: RoomId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    message: &'a str,
    code: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    temp_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<CallId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    message_id: MessageId,
    read_by: Person,
    read_at: Timestamp,
    conversation_id: RoomId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    user_id: UserId,
    conversation_id: RoomId,
    last_seen_message_id: MessageId,
    seen_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Typing {
    user: Person,
    #[serde(flatten)]
    scene: Scene,
    is_typing: bool,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PresenceChanged<'a> {
    user_id: UserId,
    status: PresenceStatus,
    activity: Option<&'a str>,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComeOrGone {
    user_id: UserId,
    online_users: Vec<UserId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entered {
    user_id: UserId,
    group_id: RoomId,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallScene<'a> {
    #[serde(flatten)]
    scene: Scene,
    call_type: CallType,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_data: Option<&'a str>,
    call_id: CallId,
}

impl<'a> CallScene<'a> {
    fn of(scene: Scene, media: CallMedia, signal_data: Option<&'a str>, call_id: CallId) -> Self {
        Self {
            scene,
            call_type: media.into(),
            signal_data,
            call_id,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ringing<'a> {
    #[serde(flatten)]
    call: CallScene<'a>,
    caller_info: Person,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted<'a> {
    #[serde(flatten)]
    call: CallScene<'a>,
    answered_by: Person,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refused<'a> {
    #[serde(flatten)]
    call: CallScene<'a>,
    refused_by: Person,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Closed {
    closed_by: UserId,
    closed_at: Timestamp,
    conversation_id: RoomId,
    call_id: CallId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NotOnline<'a> {
    message: &'a str,
    call_id: CallId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_are_not_free() {
        for name in ["drawing", "reaction added", "ärger", "say \"hi\""] {
            assert!(free_name(name).is_ok(), "{name}");
        }
        assert_eq!(free_name("a \"b\"").unwrap(), "a \\\"b\\\"");
        for name in [
            "messageComing",
            "sendMessage",
            "session.revoked",
            "message:ack",
            "disconnect",
            "error",
            "a\nb",
        ] {
            let refusal = free_name(name).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidEvent, "{name}");
        }
        for name in ["", &"x".repeat(65)] {
            let refusal = free_name(name).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::ValidationFailed);
        }
    }
}
