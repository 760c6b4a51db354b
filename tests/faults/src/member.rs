//! A member: a client with an outbox that sends again under the same id until it is acknowledged, comes back after every
//! loss of its connection, resumes, and fetches what it missed.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_bench::client::{Connection, Packet};
use chat_bench::percentiles::Latencies;
use chat_core::ids::{RoomId, UserId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ledger::{self, Sent};
use crate::view::{Message, View};

/// Sends of one member that may wait for their ack.
const IN_FLIGHT: usize = 4;

/// How long an ack is awaited.
const ACK: Duration = Duration::from_secs(5);

/// Acks in a row that don't come until another gateway is tried.
const MOST_SILENCES: u32 = 2;

/// Who a member is and what it is to do.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) user: UserId,
    pub(crate) token: String,
    pub(crate) rooms: Vec<RoomId>,
    pub(crate) gateways: Vec<SocketAddr>,
    /// Messages to send, and the mean pause between two.
    pub(crate) sends: usize,
    pub(crate) pause: Duration,
    /// How long it stays connected, and then away; without it, it never leaves by itself.
    pub(crate) comes_and_goes: Option<(Duration, Duration)>,
    pub(crate) seed: u64,
}

/// What others may know of a member at any time.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

/// The state of a member.
#[derive(Debug, Default, Clone)]
pub(crate) struct State {
    pub(crate) view: View,
    pub(crate) sent: Vec<Sent>,
    /// Messages that are still to be sent or acknowledged.
    pub(crate) open: usize,
    pub(crate) connects: u64,
    /// Asking to resume → everything missed is there.
    pub(crate) replays: Latencies,
    /// Emit → `QUEUED`, of those that needed one try.
    pub(crate) acks: Latencies,
    /// It is to ask once more what it missed.
    pub(crate) is_to_ask: bool,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that is not acknowledged yet.
struct Draft {
    /// Its place in `State::sent`.
    place: usize,
    /// The ack that is awaited, and since when.
    waits: Option<(u64, Instant)>,
    not_before: Instant,
}

/// What an ack is the answer to.
enum Asked {
    Resume(Instant),
    History(RoomId),
}

struct Member {
    role: Role,
    shared: Arc<Shared>,
    rng: StdRng,
    outbox: VecDeque<Draft>,
    next_send: Instant,
    left_to_send: usize,
    ids: u64,
    asked: HashMap<u64, Asked>,
    silences: u32,
    asks_at: Option<Instant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    retry_after_ms: Option<u64>,
    #[serde(default)]
    rooms: Vec<Resumed>,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resumed {
    room_id: RoomId,
    action: String,
    #[serde(default)]
    messages: Vec<Message>,
}

/// Lives until `stop`.
pub(crate) async fn live(role: Role, shared: Arc<Shared>, stop: CancellationToken) {
    {
        let mut state = shared.lock();
        state.view = View::of(role.rooms.iter().map(|room| room.uuid()));
        state.open = role.sends;
    }
    let mut member = Member {
        rng: StdRng::seed_from_u64(role.seed),
        next_send: Instant::now(),
        left_to_send: role.sends,
        role,
        shared,
        outbox: VecDeque::new(),
        ids: 0,
        asked: HashMap::new(),
        silences: 0,
        asks_at: None,
    };
    stop.run_until_cancelled(member.come_and_go()).await;
}

impl Member {
    async fn come_and_go(&mut self) {
        loop {
            let place = self.rng.random_range(0..self.role.gateways.len());
            let opened = Connection::open(self.role.gateways[place], &self.role.token).await;
            let Ok((connection, _)) = opened else {
                let pause = self.rng.random_range(100..600);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                continue;
            };
            self.stay(connection).await;
            let away = self
                .role
                .comes_and_goes
                .map_or(Duration::from_millis(20), |(_, away)| away);
            tokio::time::sleep(away).await;
        }
    }

    /// One connection, from its beginning to its end.
    async fn stay(&mut self, mut connection: Connection) {
        {
            let mut state = self.shared.lock();
            state.connects += 1;
            state.view.connected();
        }
        self.silences = 0;
        self.asked.clear();
        for draft in &mut self.outbox {
            draft.waits = None;
        }
        let leaves_at = self.role.comes_and_goes.map(|(stays, _)| {
            // Not all in one moment.
            Instant::now() + stays.mul_f64(self.rng.random_range(0.7..1.3))
        });
        self.ask(&mut connection).await;
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                packet = connection.next() => match packet {
                    Some(packet) => if !self.take(packet, &mut connection).await { break },
                    None => return,
                },
                _ = looks.tick() => {
                    self.emit_due(&mut connection).await;
                    let has_silence = self.silences >= MOST_SILENCES;
                    if has_silence || leaves_at.is_some_and(|time| time <= Instant::now()) {
                        break;
                    }
                }
            }
        }
        connection.close().await;
    }

    async fn ask(&mut self, connection: &mut Connection) {
        self.asks_at = None;
        let rooms: Vec<_> = {
            let mut state = self.shared.lock();
            state.is_to_ask = false;
            let known = &state.view.rooms;
            known
                .iter()
                .map(|(room, view)| json!({"roomId": room, "lastSeq": view.complete_to}))
                .collect()
        };
        let id = self.next_id();
        self.asked.insert(id, Asked::Resume(Instant::now()));
        connection
            .emit(id, "session.resume", &json!({"rooms": rooms}).to_string())
            .await;
    }

    async fn fetch(&mut self, connection: &mut Connection, room: RoomId) {
        if self
            .asked
            .values()
            .any(|asked| matches!(asked, Asked::History(other) if *other == room))
        {
            return;
        }
        let after = self
            .shared
            .lock()
            .view
            .rooms
            .get(&room.uuid())
            .map_or(0, |view| view.complete_to);
        let id = self.next_id();
        self.asked.insert(id, Asked::History(room));
        let query = json!({"roomId": room, "afterSeq": after, "limit": 200, "fields": "full"});
        connection
            .emit(id, "message.history", &query.to_string())
            .await;
    }

    /// Whether to stay connected.
    async fn take(&mut self, packet: Packet, connection: &mut Connection) -> bool {
        match packet {
            Packet::Ack { id, payload } => self.answered(id, &payload, connection).await,
            Packet::Event { name, payload } => match name.as_str() {
                "message.delivered" => match serde_json::from_str::<Message>(&payload) {
                    Ok(message) => {
                        let has_gap = self.shared.lock().view.take(&message, true);
                        if has_gap {
                            self.fetch(connection, RoomId::from(message.room_id)).await;
                        }
                    }
                    Err(error) => self.problem(format!("a message can't be read: {error}")),
                },
                "message.failed" => self.problem(format!("a send was given up: {payload}")),
                "resync" => self.ask(connection).await,
                "server.draining" => return false,
                _ => {}
            },
        }
        true
    }

    async fn answered(&mut self, id: u64, payload: &str, connection: &mut Connection) {
        let Ok(answer) = serde_json::from_str::<Answer>(payload) else {
            self.problem(format!("an answer can't be read: {payload}"));
            return;
        };
        match self.asked.remove(&id) {
            None => self.send_answered(id, &answer),
            Some(_) if answer.status != "OK" => {
                self.asks_at = Some(
                    Instant::now() + Duration::from_millis(answer.retry_after_ms.unwrap_or(500)),
                );
            }
            Some(Asked::Resume(since)) => {
                let mut to_fetch = Vec::new();
                {
                    let mut state = self.shared.lock();
                    for room in &answer.rooms {
                        for message in &room.messages {
                            state.view.take(message, false);
                        }
                        match room.action.as_str() {
                            "resync" => to_fetch.push(room.room_id),
                            "left" => state
                                .view
                                .problems
                                .push(format!("no longer a member of {}", room.room_id)),
                            _ => {}
                        }
                    }
                    if to_fetch.is_empty() {
                        state.replays.add(since.elapsed());
                    }
                }
                for room in to_fetch {
                    self.fetch(connection, room).await;
                }
            }
            Some(Asked::History(room)) => {
                {
                    let mut state = self.shared.lock();
                    for message in &answer.messages {
                        state.view.take(message, false);
                    }
                }
                if answer.has_more {
                    self.fetch(connection, room).await;
                }
            }
        }
    }

    fn send_answered(&mut self, id: u64, answer: &Answer) {
        let Some(at) = self
            .outbox
            .iter()
            .position(|draft| draft.waits.is_some_and(|(ack, _)| ack == id))
        else {
            return;
        };
        self.silences = 0;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let connection = state.connects;
        let sent = &mut state.sent[self.outbox[at].place];
        if answer.status == "QUEUED" {
            sent.acknowledged = Some(ledger::now());
            let is_clean = sent.emissions == 1;
            sent.clean_on = is_clean.then_some(connection);
            state.open -= 1;
            if let Some(draft) = self.outbox.remove(at)
                && let (true, Some((_, since))) = (is_clean, draft.waits)
            {
                state.acks.add(since.elapsed());
            }
            return;
        }
        let is_retryable = matches!(
            answer.code.as_deref(),
            Some("busy" | "unavailable" | "draining" | "rate_limited" | "delivery_failed")
        );
        if !is_retryable {
            state
                .view
                .problems
                .push(format!("a send was refused for good: {:?}", answer.code));
        }
        let draft = &mut self.outbox[at];
        draft.waits = None;
        draft.not_before =
            Instant::now() + Duration::from_millis(answer.retry_after_ms.unwrap_or(1000).min(2000));
    }

    /// Emits what is due: first what was emitted before, in its old order, then new messages.
    async fn emit_due(&mut self, connection: &mut Connection) {
        let now = Instant::now();
        if self.asks_at.is_some_and(|time| time <= now) || self.shared.lock().is_to_ask {
            self.ask(connection).await;
        }
        let mut due = Vec::new();
        for at in 0..self.outbox.len() {
            let draft = &mut self.outbox[at];
            if draft.waits.is_some_and(|(_, since)| since.elapsed() > ACK) {
                draft.waits = None;
                self.silences += 1;
            }
            if draft.waits.is_none() && draft.not_before <= now {
                due.push(at);
            }
        }
        for at in due {
            self.emit(at, connection).await;
        }
        while self.left_to_send > 0 && self.next_send <= now && self.outbox.len() < IN_FLIGHT {
            self.left_to_send -= 1;
            self.next_send += self.role.pause.mul_f64(self.rng.random_range(0.0..2.0));
            self.write_draft(now);
            self.emit(self.outbox.len() - 1, connection).await;
        }
    }

    fn write_draft(&mut self, now: Instant) {
        let room = self.role.rooms[self.rng.random_range(0..self.role.rooms.len())];
        let mut state = self.shared.lock();
        let place = state.sent.len();
        state.sent.push(Sent {
            room,
            sender: self.role.user,
            client_id: Uuid::new_v4(),
            content: format!("{place} of {}", self.role.user),
            emitted: ledger::now(),
            acknowledged: None,
            emissions: 0,
            clean_on: None,
        });
        self.outbox.push_back(Draft {
            place,
            waits: None,
            not_before: now,
        });
    }

    async fn emit(&mut self, at: usize, connection: &mut Connection) {
        let id = self.next_id();
        let draft = &mut self.outbox[at];
        draft.waits = Some((id, Instant::now()));
        let payload = {
            let mut state = self.shared.lock();
            let sent = &mut state.sent[draft.place];
            sent.emissions += 1;
            json!({"roomId": sent.room, "content": sent.content, "clientMsgId": sent.client_id})
                .to_string()
        };
        connection.emit(id, "message.send", &payload).await;
    }

    fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn problem(&self, text: String) {
        self.shared.lock().view.problems.push(text);
    }
}
