//! From what came to the packets of the local sockets.
//!
//! The payload was encoded once, where the act was committed; here it is copied into one packet a namespace, and
//! translated for the dialects that somebody here hears. Only what the gateway itself has to know is read from it: who
//! wrote a message, who left a room.

use std::sync::Arc;
use std::time::Instant;

use chat_core::fanout::{CONTROL_JOIN, CONTROL_LEAVE, CONTROL_LOOK_AWAY, Control, Fanout};
use chat_core::ids::{RoomId, SessionId, UserId};
use chat_core::names::FanoutTarget;
use chat_core::time::Timestamp;
use chat_processor::trace::{Kind, Step};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::membership;
use super::packets::Packets;
use super::receipts::Delivered;
use crate::app::App;
use crate::dialects::Dialect;
use crate::metrics::Stage;
use crate::presence::EVICT;
use crate::sockets::client::Client;

/// An event of a channel.
pub(super) struct Arrival {
    pub(super) target: FanoutTarget,
    pub(super) fanout: Fanout,
    pub(super) message: Option<Delivered>,
}

/// Tells the clients of an event that came, and follows it where it changes who hears what.
pub(super) fn deliver(app: &Arc<App>, arrival: &Arrival) {
    let Arrival {
        target,
        fanout,
        message,
    } = arrival;
    let began = Instant::now();
    let _step = Step::follow(Kind::Consumer, "emit", fanout.traceparent.as_deref())
        .inspect(|step| step.note("messaging.operation.name", fanout.event.clone()));
    match fanout.event.as_str() {
        CONTROL_JOIN | CONTROL_LEAVE | CONTROL_LOOK_AWAY | EVICT => control(app, *target, fanout),
        "session.revoked" => revoke(app, *target, fanout),
        _ => {
            emit_event(app, *target, fanout, *message);
            follow(app, fanout);
        }
    }
    if fanout.event == "message.delivered"
        && let Some(since) = fanout.since_ms
    {
        let millis = Timestamp::now().unix_millis().saturating_sub(since).max(0);
        #[expect(clippy::cast_precision_loss, reason = "latencies are small")]
        app.metrics.delivered(millis as f64 / 1000.0);
        app.metrics.stage(Stage::Emit, began.elapsed());
    }
}

/// The message that a room's channel brings.
pub(super) fn delivered(target: FanoutTarget, fanout: &Fanout) -> Option<Delivered> {
    match (fanout.event.as_str(), target) {
        ("message.delivered", FanoutTarget::Room(_)) => parsed(fanout),
        _ => None,
    }
}

/// Tells the clients of a channel, each in the dialects that it hears.
pub(super) fn emit(app: &App, target: FanoutTarget, fanout: &Fanout) {
    emit_event(app, target, fanout, delivered(target, fanout));
}

fn emit_event(app: &App, target: FanoutTarget, fanout: &Fanout, message: Option<Delivered>) {
    let mut packets = Packets::of(app, target, fanout);
    emit_packets(app, &Dialect::ALL, &mut packets, message);
    for dialect in packets.waiting() {
        app.late.push(app, dialect, target, fanout);
    }
}

/// Tells the clients that hear some dialects, as far as the packets are ready.
pub(super) fn emit_in(app: &App, dialects: &[Dialect], packets: &mut Packets<'_>) {
    let message = delivered(packets.target, packets.fanout);
    emit_packets(app, dialects, packets, message);
}

fn emit_packets(
    app: &App,
    dialects: &[Dialect],
    packets: &mut Packets<'_>,
    message: Option<Delivered>,
) {
    let (target, fanout) = (packets.target, packets.fanout);
    let mut receivers = Vec::new();
    let mut send = |client: &Arc<Client>| {
        if !concerns(fanout, client) {
            return;
        }
        let mut heard = false;
        for dialect in dialects {
            heard |= client.hears(*dialect) && packets.send(*dialect, client);
        }
        if heard
            && message.is_some_and(|message| message.sender_id != client.user_id)
            && receivers.last() != Some(&client.user_id)
        {
            receivers.push(client.user_id);
        }
    };
    match target {
        FanoutTarget::Room(room) => app.hub.each_in_room(room, &mut send),
        FanoutTarget::User(user) => {
            app.hub.each_of_user(user, &mut send);
            // A user's own presence on the user's own channel is what the watchers wait for.
            if fanout.event == "presence.update" && is_about(fanout, user) {
                app.hub.each_watcher(user, &mut send);
            }
        }
    }
    if let Some(message) = message {
        app.heads.note(message.room_id, message.seq);
        app.receipts.note(message, &receivers);
    }
}

/// Emits a message that did not come by its channel.
pub(super) fn deliver_again(app: &App, room: RoomId, message: Box<RawValue>) {
    emit(app, FanoutTarget::Room(room), &told_again(message));
}

/// A message as its channel would have told it.
pub(super) fn told_again(message: Box<RawValue>) -> Fanout {
    Fanout::of("message.delivered".to_owned(), message)
}

fn concerns(fanout: &Fanout, client: &Client) -> bool {
    fanout
        .only_socket
        .as_ref()
        .is_none_or(|only| *only == client.id)
        && fanout
            .except_socket
            .as_ref()
            .is_none_or(|except| *except != client.id)
        && fanout
            .except_user
            .is_none_or(|except| except != client.user_id)
}

fn is_about(fanout: &Fanout, user: UserId) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct About {
        user_id: UserId,
    }
    parsed::<About>(fanout).is_some_and(|about| about.user_id == user)
}

pub(super) fn parsed<T: DeserializeOwned>(fanout: &Fanout) -> Option<T> {
    serde_json::from_str(fanout.data.get())
        .inspect_err(|error| tracing::error!(%error, event = fanout.event, "a fan-out payload could not be read"))
        .ok()
}

/// What only gateways hear.
fn control(app: &Arc<App>, target: FanoutTarget, fanout: &Fanout) {
    let FanoutTarget::User(user) = target else {
        return;
    };
    if fanout.event == EVICT {
        app.hub.each_of_user(user, |client| {
            if concerns(fanout, client) {
                client.disconnect();
                crate::sockets::engine::forget(app, client);
            }
        });
        return;
    }
    if fanout.event == CONTROL_LOOK_AWAY {
        super::views::closed_elsewhere(app, user, fanout);
        return;
    }
    if fanout.event == CONTROL_LEAVE
        && let Some(Control { room_id, .. }) = parsed(fanout)
    {
        membership::leave(app, user, room_id);
    }
}

/// Events that clients hear and after which some hear less.
fn follow(app: &Arc<App>, fanout: &Fanout) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Member {
        room_id: RoomId,
        user_id: UserId,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct RoomDeleted {
        room_id: RoomId,
    }
    match fanout.event.as_str() {
        "room.member.left" => {
            if let Some(Member { room_id, user_id }) = parsed(fanout) {
                membership::leave(app, user_id, room_id);
            }
        }
        "room.deleted" => {
            if let Some(RoomDeleted { room_id }) = parsed(fanout) {
                membership::close(app, room_id);
            }
        }
        _ => {}
    }
}

/// A session was ended: its sockets hear of it and go.
fn revoke(app: &Arc<App>, target: FanoutTarget, fanout: &Fanout) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Revoked {
        session_id: SessionId,
    }
    let (FanoutTarget::User(user), Some(revoked)) = (target, parsed::<Revoked>(fanout)) else {
        return;
    };
    app.authenticator.forget(user, Some(revoked.session_id));
    let mut packets = Packets::of(app, target, fanout);
    app.hub.each_of_user(user, |client| {
        if client.session_id == Some(revoked.session_id) {
            packets.send(Dialect::Canonical, client);
            client.disconnect();
            crate::sockets::engine::forget(app, client);
        }
    });
}
