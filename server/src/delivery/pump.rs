//! What the channels say, each room's events in the order of its numbers.

use std::sync::Arc;
use std::time::Instant;

use chat_backends::redis::fanout_subscriber::FanoutEvent;
use chat_core::fanout::{CONTROL_JOIN, CONTROL_LEAVE, Control, Fanout};
use chat_core::ids::{RoomId, UserId};
use chat_core::names::{FanoutTarget, fanout_target};
use serde::Deserialize;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::emit::{self, Arrival, parsed};
use super::reorder::{Gap, Pause, Reorder};
use super::{membership, missing};
use crate::app::App;
use crate::dialects::Dialect;

/// Rooms whose place is remembered before those that left are looked for.
const MOST_PLACES: usize = 1024;
/// Answers of the store that may wait to be taken.
const MOST_ANSWERS: usize = 64;

/// What somebody has found out for the pump.
enum Answer {
    /// What the store has of a gap, by number; `None` if it could not say.
    Found(Gap, Option<Vec<(i64, Arrival)>>),
    /// Whoever came into the room has heard what was said there before.
    CaughtUp(Pause),
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
    incoming.reorder.give_up(&mut incoming.ready);
    incoming.emit();
}

impl Incoming {
    fn take(&mut self, event: FanoutEvent) {
        match event {
            FanoutEvent::Message { channel, payload } => self.hear(&channel, &payload),
            // What waits goes on waiting: what was missed before it is a gap as any other.
            FanoutEvent::Missed => missed(&self.app),
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
            Answer::CaughtUp(pause) => {
                let emitted = self.app.heads.told(pause.room());
                self.reorder
                    .resume(pause, emitted, Instant::now(), &mut self.ready);
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
        let message = emit::delivered(target, &fanout);
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
                || app.heads.told(room),
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
            emit::deliver(&self.app, &arrival);
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
        let pause = self.reorder.pause(room);
        let (app, answers) = (Arc::clone(&self.app), self.answers.clone());
        self.app.tasks.spawn(async move {
            membership::begin(&app, user, room, from_seq).await;
            // Nobody takes it where the pump has ended.
            let _ = answers.send(Answer::CaughtUp(pause)).await;
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
    app.heads.interrupted();
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

/// Looks the gaps up, one after the other.
async fn ask(app: Arc<App>, gaps: Vec<Gap>, answers: Sender<Answer>) {
    for gap in gaps {
        let numbers: Vec<i64> = (gap.first..=gap.last).collect();
        let messages = missing::read(&app, gap.room, &numbers).await;
        let target = FanoutTarget::Room(gap.room);
        let arrivals = messages.map(|messages| {
            let arrival = |message| {
                let fanout = emit::told_again(message);
                let message = emit::delivered(target, &fanout)?;
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
