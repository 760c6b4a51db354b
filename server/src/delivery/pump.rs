//! What the channels say, each room's events in the order of its numbers.
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
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::packets::Packets;
use super::receipts::Delivered;
use super::reorder::{Gap, Reorder};
use super::{membership, missing};
use crate::app::App;
use crate::dialects::Dialect;
use crate::metrics::Stage;
use crate::presence::EVICT;
use crate::sockets::client::Client;

/// Rooms whose place is remembered before those that left are looked for.
const MOST_PLACES: usize = 1024;
/// Answers of the store that may wait to be taken.
const MOST_ANSWERS: usize = 64;

/// An event of a channel.
struct Arrival {
    target: FanoutTarget,
    fanout: Fanout,
    message: Option<Delivered>,
}

/// What somebody has found out for the pump.
enum Answer {
    /// What the store has of a gap, by number; `None` if it could not say.
    Found(Gap, Option<Vec<(i64, Arrival)>>),
    /// Who came into this room has heard what was said there before.
    CaughtUp(RoomId),
}

/// What came and is not emitted yet.
struct Incoming {
    app: Arc<App>,
    reorder: Reorder<Arrival>,
    answers: Sender<Answer>,
    ready: Vec<Arrival>,
    /// How many rooms may be remembered before those that left are forgotten.
    most_places: usize,
}

/// Works until `stop`, and leaves nothing behind.
pub(crate) async fn run(app: Arc<App>, mut events: Receiver<FanoutEvent>, stop: CancellationToken) {
    let (answers, mut answered) = mpsc::channel(MOST_ANSWERS);
    let mut incoming = Incoming {
        app,
        reorder: Reorder::new(),
        answers,
        ready: Vec::new(),
        most_places: MOST_PLACES,
    };
    loop {
        let deadline = incoming.reorder.deadline();
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = late => incoming.expire(&mut events),
            Some(answer) = answered.recv() => incoming.answered(answer),
            event = events.recv() => match event {
                Some(event) => incoming.take(event),
                None => break,
            },
        }
    }
    incoming.give_up();
}

impl Incoming {
    fn take(&mut self, event: FanoutEvent) {
        match event {
            FanoutEvent::Message { channel, payload } => self.hear(&channel, &payload),
            FanoutEvent::Missed => {
                self.give_up();
                missed(&self.app);
            }
        }
    }

    /// Asks for what others wait for, unless it lies in the queue by now; emits what waited too long.
    fn expire(&mut self, events: &mut Receiver<FanoutEvent>) {
        for _ in 0..events.len() {
            let Ok(event) = events.try_recv() else {
                break;
            };
            self.take(event);
        }
        let gaps = self.reorder.expire(Instant::now(), &mut self.ready);
        self.emit();
        if !gaps.is_empty() {
            let asked = ask(Arc::clone(&self.app), gaps, self.answers.clone());
            self.app.tasks.spawn(asked);
        }
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Found(gap, found) => self.fill(gap, found),
            Answer::CaughtUp(room) => {
                let emitted = self.app.heads.upto(room);
                self.reorder
                    .resume(room, emitted, Instant::now(), &mut self.ready);
                self.emit();
            }
        }
    }

    fn fill(&mut self, gap: Gap, found: Option<Vec<(i64, Arrival)>>) {
        let found_count = found.as_ref().map_or(0, Vec::len);
        if found_count > 0 {
            tracing::warn!(room = %gap.room, gap.first, gap.last, "messages were not told in time; the store had them");
            self.app.metrics.fanout_repaired(found_count);
        }
        self.reorder
            .fill(gap, found, Instant::now(), &mut self.ready);
        self.emit();
    }

    /// Emits all that waits.
    fn give_up(&mut self) {
        self.reorder.clear(&mut self.ready);
        self.emit();
    }

    fn hear(&mut self, channel: &str, payload: &[u8]) {
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
        let message = delivered(target, &fanout);
        let arrival = Arrival {
            target,
            fanout,
            message,
        };
        self.sort(arrival);
        self.emit();
    }

    /// What may be emitted now is ready after this.
    fn sort(&mut self, arrival: Arrival) {
        let app = &self.app;
        match (arrival.target, arrival.message) {
            (FanoutTarget::Room(room), Some(message)) => self.reorder.message(
                (room, message.seq),
                arrival,
                Instant::now(),
                || app.heads.upto(room),
                &mut self.ready,
            ),
            (FanoutTarget::Room(room), None) => {
                self.reorder
                    .other(room, arrival, Instant::now(), &mut self.ready);
            }
            (FanoutTarget::User(_), _) => {
                // Who leaves a room hears first what came before.
                if arrival.fanout.event == CONTROL_LEAVE
                    && let Some(Control { room_id, .. }) = parsed(&arrival.fanout)
                {
                    self.reorder.release(room_id, &mut self.ready);
                }
                self.ready.push(arrival);
            }
        }
        if self.reorder.rooms() > self.most_places {
            self.reorder.forget_others(|room| app.hub.has_room(room));
            self.most_places = MOST_PLACES.max(2 * self.reorder.rooms());
        }
    }

    fn emit(&mut self) {
        for arrival in std::mem::take(&mut self.ready) {
            deliver(&self.app, &arrival);
            if let Some((user, room, from_seq)) = entered(&arrival) {
                self.enter(user, room, from_seq);
            }
        }
    }

    /// A connected user hears a room from the next event on. If that is not heard here yet, its events wait until the
    /// user has heard what was said since `from_seq`.
    fn enter(&mut self, user: UserId, room: RoomId, from_seq: i64) {
        let is_first = !self.app.hub.join(user, &[room]).is_empty();
        if !is_first && !self.reorder.is_paused(room) {
            return;
        }
        self.reorder.pause(room);
        let (app, answers) = (Arc::clone(&self.app), self.answers.clone());
        self.app.tasks.spawn(async move {
            membership::begin(&app, user, room, from_seq).await;
            // Nobody takes it where the pump has ended.
            let _ = answers.send(Answer::CaughtUp(room)).await;
        });
    }
}

/// Who is in which room now, by what they heard, and from which number on.
fn entered(arrival: &Arrival) -> Option<(UserId, RoomId, i64)> {
    #[derive(Deserialize)]
    struct RoomCreated {
        room: RoomRef,
    }
    #[derive(Deserialize)]
    struct RoomRef {
        id: RoomId,
    }
    let FanoutTarget::User(user) = arrival.target else {
        return None;
    };
    match arrival.fanout.event.as_str() {
        CONTROL_JOIN => {
            let control: Control = parsed(&arrival.fanout)?;
            Some((user, control.room_id, control.from_seq))
        }
        "room.created" => {
            let RoomCreated { room } = parsed(&arrival.fanout)?;
            Some((user, room.id, 0))
        }
        _ => None,
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

fn deliver(app: &Arc<App>, arrival: &Arrival) {
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
fn delivered(target: FanoutTarget, fanout: &Fanout) -> Option<Delivered> {
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

/// Looks the gaps up, one after the other.
async fn ask(app: Arc<App>, gaps: Vec<Gap>, answers: Sender<Answer>) {
    for gap in gaps {
        let numbers: Vec<i64> = (gap.first..=gap.last).collect();
        let messages = missing::read(&app, gap.room, &numbers).await;
        let target = FanoutTarget::Room(gap.room);
        let arrivals = messages.map(|messages| {
            let arrival = |message| {
                let fanout = told_again(message);
                let message = delivered(target, &fanout)?;
                let arrival = Arrival {
                    target,
                    fanout,
                    message: Some(message),
                };
                Some((message.seq, arrival))
            };
            messages.into_iter().filter_map(arrival).collect()
        });
        if answers.send(Answer::Found(gap, arrivals)).await.is_err() {
            return;
        }
    }
}

/// A message as its channel would have told it.
fn told_again(message: Box<RawValue>) -> Fanout {
    Fanout {
        event: "message.delivered".to_owned(),
        data: message,
        only_socket: None,
        except_socket: None,
        except_user: None,
        origin_socket: None,
        since_ms: None,
        traceparent: None,
    }
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
