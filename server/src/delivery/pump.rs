//! What the channels say, in the order in which they say it.
//!
//! The payload was encoded once, where the act was committed; here it is copied into one packet a namespace, and
//! translated for the dialects that somebody here hears. Only what the gateway itself has to know is read from it: who
//! wrote a message, who came into a room.

use std::sync::Arc;
use std::time::Instant;

use chat_backends::redis::fanout_subscriber::FanoutEvent;
use chat_core::fanout::{CONTROL_JOIN, CONTROL_LEAVE, CONTROL_LOOK_AWAY, Control, Fanout};
use chat_core::ids::{RoomId, SessionId, UserId};
use chat_core::names::{FanoutTarget, fanout_target};
use chat_core::time::Timestamp;
use chat_processor::trace::{Kind, Step};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use super::membership;
use super::packets::Packets;
use super::receipts::Delivered;
use crate::app::App;
use crate::dialects::Dialect;
use crate::metrics::Stage;
use crate::presence::EVICT;
use crate::sockets::client::Client;

/// Works until `stop`.
pub(crate) async fn run(app: Arc<App>, mut events: Receiver<FanoutEvent>, stop: CancellationToken) {
    while let Some(Some(event)) = stop.run_until_cancelled(events.recv()).await {
        match event {
            FanoutEvent::Message { channel, payload } => deliver(&app, &channel, &payload),
            FanoutEvent::Missed => missed(&app),
        }
    }
}

/// Messages may be gone: everybody catches up.
fn missed(app: &App) {
    tracing::warn!("fan-out was interrupted; all clients are told to catch up");
    app.heads.clear();
    let dispatcher = Arc::clone(&app.dispatcher);
    app.tasks
        .spawn(async move { dispatcher.note_again().await });
    let event = serde_json::json!({"reason": "fanout_interrupted"});
    for client in app.hub.clients() {
        if client.hears(Dialect::Canonical) {
            client.emit("resync", &event);
        }
    }
}

fn deliver(app: &Arc<App>, channel: &str, payload: &[u8]) {
    let Some(target) = fanout_target(channel) else {
        return;
    };
    let fanout: Fanout = match serde_json::from_slice(payload) {
        Ok(fanout) => fanout,
        Err(error) => {
            tracing::error!(%error, "a fan-out message could not be read");
            return;
        }
    };
    let began = Instant::now();
    let _step = Step::follow(Kind::Consumer, "emit", fanout.traceparent.as_deref())
        .inspect(|step| step.note("messaging.operation.name", fanout.event.clone()));
    match fanout.event.as_str() {
        CONTROL_JOIN | CONTROL_LEAVE | CONTROL_LOOK_AWAY | EVICT => control(app, target, &fanout),
        "session.revoked" => revoke(app, target, &fanout),
        _ => {
            emit(app, target, &fanout);
            follow(app, target, &fanout);
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

/// Tells the clients of a channel, each in the dialects that it hears.
pub(super) fn emit(app: &App, target: FanoutTarget, fanout: &Fanout) {
    let mut packets = Packets::of(app, target, fanout);
    emit_in(app, &Dialect::ALL, &mut packets);
    for dialect in packets.waiting() {
        app.late.push(app, dialect, target, fanout);
    }
}

/// The same for some dialects only, as far as the packets are ready.
pub(super) fn emit_in(app: &App, dialects: &[Dialect], packets: &mut Packets<'_>) {
    let (target, fanout) = (packets.target, packets.fanout);
    let message: Option<Delivered> = match (fanout.event.as_str(), target) {
        ("message.delivered", FanoutTarget::Room(_)) => parsed(fanout),
        _ => None,
    };
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
    let fanout = Fanout {
        event: "message.delivered".to_owned(),
        data: message,
        only_socket: None,
        except_socket: None,
        except_user: None,
        origin_socket: None,
        since_ms: None,
        traceparent: None,
    };
    emit(app, FanoutTarget::Room(room), &fanout);
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

fn parsed<T: DeserializeOwned>(fanout: &Fanout) -> Option<T> {
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
    let Some(control) = parsed::<Control>(fanout) else {
        return;
    };
    if fanout.event == CONTROL_JOIN {
        app.tasks.spawn(membership::join(
            Arc::clone(app),
            user,
            control.room_id,
            control.from_seq,
        ));
    } else {
        app.tasks
            .spawn(membership::leave(Arc::clone(app), user, control.room_id));
    }
}

/// Events that clients hear and that also change who hears what.
fn follow(app: &Arc<App>, target: FanoutTarget, fanout: &Fanout) {
    #[derive(Deserialize)]
    struct RoomCreated {
        room: RoomRef,
    }
    #[derive(Deserialize)]
    struct RoomRef {
        id: RoomId,
    }
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
    match (fanout.event.as_str(), target) {
        ("room.created", FanoutTarget::User(user)) => {
            if let Some(RoomCreated { room }) = parsed(fanout) {
                app.tasks
                    .spawn(membership::join(Arc::clone(app), user, room.id, 0));
            }
        }
        ("room.member.left", _) => {
            if let Some(Member { room_id, user_id }) = parsed(fanout) {
                app.tasks
                    .spawn(membership::leave(Arc::clone(app), user_id, room_id));
            }
        }
        ("room.deleted", _) => {
            if let Some(RoomDeleted { room_id }) = parsed(fanout) {
                app.tasks.spawn(membership::close(Arc::clone(app), room_id));
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
