//! Whether every message of the local rooms came by: what Redis lost on its way is noticed and made good here, within
//! one heartbeat, for every client.
//!
//! A lost last message leaves no gap that a client could see. So the gateway keeps for each room how far it has emitted
//! without a gap, and compares that with the room's head now and then. A head is raised before its message is
//! published: only what is still missing a moment later is missed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_backends::redis::announce;
use chat_core::ids::RoomId;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{emit, missing};
use crate::app::App;
use crate::dialects::Dialect;

/// Between two comparisons.
const EVERY: Duration = Duration::from_secs(5);
/// How long a message may take from the head's rise to its emission before it counts as missed.
const ON_ITS_WAY: Duration = Duration::from_secs(2);
/// Most messages of a room that are made good; beyond, its clients are told to fetch the history.
const MOST: i64 = 200;
/// Most rooms that are made good at a time; the next comparison does the others.
const MOST_ROOMS: usize = 500;

/// How far a room was emitted.
#[derive(Debug, Default)]
struct Line {
    /// Everything up to here.
    upto: i64,
    /// What came beyond a gap.
    beyond: BTreeSet<i64>,
    /// Where the room stood when the channels were interrupted, and what was emitted in a row since; `None` if that is
    /// `upto`.
    told: Option<i64>,
    /// Nobody has said since the interruption how far the clients are.
    is_doubtful: bool,
}

/// How far the local rooms were emitted.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    lines: Mutex<HashMap<RoomId, Line>>,
}

impl Line {
    const fn new(upto: i64) -> Self {
        Self {
            upto,
            beyond: BTreeSet::new(),
            told: None,
            is_doubtful: false,
        }
    }

    fn note(&mut self, seq: i64) {
        if self.told == Some(seq - 1) {
            self.told = Some(seq);
        }
        if seq > self.upto {
            self.beyond.insert(seq);
        }
        while self.beyond.remove(&(self.upto + 1)) {
            self.upto += 1;
        }
        // So far behind that nobody fills it one by one.
        while self.beyond.len() > usize::try_from(MOST).unwrap_or(usize::MAX) {
            self.upto = self.beyond.pop_first().unwrap_or(self.upto);
        }
    }

    /// What is missing up to `head`, as far as it may be made good and one more.
    fn missing(&self, head: i64) -> Vec<i64> {
        (self.upto + 1..=head)
            .filter(|seq| !self.beyond.contains(seq))
            .take(usize::try_from(MOST + 1).unwrap_or(usize::MAX))
            .collect()
    }

    /// Counts everything up to `head` as emitted.
    fn advance(&mut self, head: i64) {
        self.upto = self.upto.max(head);
        self.beyond = self.beyond.split_off(&(self.upto + 1));
        while self.beyond.remove(&(self.upto + 1)) {
            self.upto += 1;
        }
    }
}

impl Heads {
    /// A room is listened to from here on, or again after an interruption: the first who comes says where, later ones
    /// change nothing.
    pub(super) fn begin(&self, room: RoomId, seq: i64) {
        let mut lines = self.lock();
        let line = lines.entry(room).or_insert_with(|| Line::new(seq));
        if std::mem::take(&mut line.is_doubtful) {
            line.advance(seq);
        }
    }

    /// A message was emitted.
    pub(super) fn note(&self, room: RoomId, seq: i64) {
        if let Some(line) = self.lock().get_mut(&room) {
            line.note(seq);
        }
    }

    /// How far the clients of a room are, without a gap, by what was emitted or by themselves; `None` if nobody has said
    /// where it begins.
    pub(crate) fn upto(&self, room: RoomId) -> Option<i64> {
        let lines = self.lock();
        let line = lines.get(&room).filter(|line| !line.is_doubtful);
        line.map(|line| line.upto)
    }

    /// How far a room was emitted without a gap, to those who do not catch up by themselves too; `None` if nobody has
    /// said where it begins.
    pub(super) fn told(&self, room: RoomId) -> Option<i64> {
        let lines = self.lock();
        let line = lines.get(&room);
        line.map(|line| line.told.unwrap_or(line.upto))
    }

    /// Nobody here hears these rooms any more: what comes while they are not heard is not missed.
    pub(super) fn forget(&self, rooms: &[RoomId]) {
        let mut lines = self.lock();
        for room in rooms {
            lines.remove(room);
        }
    }

    /// Messages may be missed in every room, and all clients catch up by themselves.
    pub(super) fn interrupted(&self) {
        for line in self.lock().values_mut() {
            line.told.get_or_insert(line.upto);
            line.is_doubtful = true;
        }
    }

    /// Those of these rooms that are behind these heads.
    fn behind(&self, heads: &[(RoomId, i64)]) -> Vec<(RoomId, i64)> {
        let lines = self.lock();
        let is_behind = |(room, head): &(RoomId, i64)| {
            let line = lines.get(room);
            line.is_some_and(|line| !line.is_doubtful && line.upto < *head)
        };
        heads.iter().copied().filter(is_behind).collect()
    }

    /// What a room misses up to `head`.
    fn missing(&self, room: RoomId, head: i64) -> Vec<i64> {
        let lines = self.lock();
        lines
            .get(&room)
            .map(|line| line.missing(head))
            .unwrap_or_default()
    }

    /// Everything up to `head` counts as emitted from now on.
    fn advance(&self, room: RoomId, head: i64) {
        if let Some(line) = self.lock().get_mut(&room) {
            line.advance(head);
            line.told = None;
        }
    }

    fn forget_others(&self, is_local: impl Fn(RoomId) -> bool) {
        self.lock().retain(|room, _| is_local(*room));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, Line>> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compares until `stop`.
pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if stop.run_until_cancelled(compare(&app)).await.is_none() {
            return;
        }
    }
}

async fn compare(app: &App) {
    app.heads.forget_others(|room| app.hub.has_room(room));
    let rooms = app.hub.rooms();
    let Some(heads) = known_heads(app, &rooms).await else {
        return;
    };
    for (room, head) in &heads {
        app.heads.begin(*room, *head);
    }
    let mut behind = app.heads.behind(&heads);
    if behind.is_empty() {
        return;
    }
    tokio::time::sleep(ON_ITS_WAY).await;
    behind = app.heads.behind(&behind);
    for (room, head) in behind.into_iter().take(MOST_ROOMS) {
        make_good(app, room, head).await;
    }
}

/// The heads that Redis knows: those of rooms with a message in the last hour.
async fn known_heads(app: &App, rooms: &[RoomId]) -> Option<Vec<(RoomId, i64)>> {
    match announce::heads(&app.context.redis, rooms).await {
        Ok(heads) => {
            let known = rooms.iter().zip(heads);
            Some(
                known
                    .filter_map(|(room, head)| Some((*room, head?)))
                    .collect(),
            )
        }
        Err(error) => {
            tracing::debug!(%error, "the rooms' heads could not be compared");
            None
        }
    }
}

async fn make_good(app: &App, room: RoomId, head: i64) {
    let missing = app.heads.missing(room, head);
    let (Some(first), Some(last)) = (missing.first(), missing.last()) else {
        return;
    };
    tracing::warn!(%room, first, last, "messages did not come by; they are emitted now");
    app.metrics.fanout_repaired(missing.len());
    if last - first < MOST
        && let Some(messages) = missing::read(app, room, &missing).await
    {
        // Only then: what comes meanwhile waits for them.
        for message in messages {
            emit::deliver_again(app, room, message);
        }
        app.heads.advance(room, head);
        return;
    }
    app.heads.advance(room, head);
    let event = serde_json::json!({"roomId": room, "reason": "missed"});
    app.hub.each_in_room(room, |client| {
        if client.hears(Dialect::Canonical) {
            client.emit("resync", &event);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_what_lies_below_the_head_and_did_not_come() {
        let heads = Heads::default();
        let room = RoomId::now_v7();
        heads.begin(room, 3);
        heads.begin(room, 9);
        for seq in [4, 6, 7, 4, 2] {
            heads.note(room, seq);
        }
        assert_eq!(heads.behind(&[(room, 4)]), []);
        assert_eq!(heads.behind(&[(room, 8)]), [(room, 8)]);
        assert_eq!(heads.missing(room, 8), [5, 8]);
        heads.advance(room, 8);
        assert_eq!(heads.behind(&[(room, 8)]), []);
        heads.note(room, 9);
        assert_eq!(heads.behind(&[(room, 9)]), []);
        // Far more than can be made good costs no more than that.
        assert_eq!(heads.missing(room, i64::MAX - 1).len(), 201);
    }

    #[test]
    fn after_an_interruption_what_clients_fetched_is_not_what_was_told() {
        let heads = Heads::default();
        let room = RoomId::now_v7();
        heads.begin(room, 3);
        heads.note(room, 4);
        heads.interrupted();
        // Nobody knows how far the clients are, so nobody is behind.
        assert_eq!((heads.upto(room), heads.told(room)), (None, Some(4)));
        assert_eq!(heads.behind(&[(room, 9)]), []);
        heads.begin(room, 7);
        assert_eq!((heads.upto(room), heads.told(room)), (Some(7), Some(4)));
        heads.interrupted();
        heads.begin(room, 8);
        heads.begin(room, 99);
        for seq in [5, 6, 9] {
            heads.note(room, seq);
        }
        assert_eq!((heads.upto(room), heads.told(room)), (Some(9), Some(6)));
        assert_eq!(heads.behind(&[(room, 10)]), [(room, 10)]);
        heads.advance(room, 10);
        assert_eq!((heads.upto(room), heads.told(room)), (Some(10), Some(10)));
    }

    #[test]
    fn rooms_that_nobody_here_is_in_are_forgotten() {
        let heads = Heads::default();
        let (here, gone) = (RoomId::now_v7(), RoomId::now_v7());
        heads.begin(here, 1);
        heads.begin(gone, 1);
        heads.forget_others(|room| room == here);
        assert_eq!(heads.behind(&[(here, 2), (gone, 2)]), [(here, 2)]);
    }
}
