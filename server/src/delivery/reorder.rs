//! Puts a room's events into the order of its numbers before they are emitted.
//!
//! A channel brings events in the order in which their makers told Redis, and those may be two: gateways that do sends
//! themselves while the broker is away, or a processor that has lost a partition and has not noticed. So number n + 1
//! can come before n. What comes beyond the next number waits for the numbers between, and with it every later event
//! of the room. What has not come after [`PATIENCE`] is asked for: its maker was killed between its commit and its
//! publish, or Redis lost it, and the store has it, for n + 1 is only given after n was committed. If the store can't
//! say, all goes after [`LIMIT`]; `heads` makes it good later.
//!
//! A room that somebody comes into waits as a whole while what was said there before is read for them.
//!
//! No clock and no I/O in here: times come in, events and questions come out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use chat_core::ids::RoomId;

/// How long an event waits for the numbers before it until they are asked for: well above the time from a commit to its
/// publish.
pub(super) const PATIENCE: Duration = Duration::from_millis(300);
/// How long an event may wait at all.
pub(super) const LIMIT: Duration = Duration::from_secs(5);
/// Most numbers that are asked for at a time; what is behind more goes.
pub(super) const MOST_ASKED: i64 = 200;
/// Most events of a room that wait; one more, and all of them go.
const MOST_EVENTS: usize = 512;
/// Most rooms whose events wait; those of others are not held.
const MOST_ROOMS: usize = 1024;

/// What is held, and how far each room came.
#[derive(Debug)]
pub(super) struct Reorder<T> {
    places: HashMap<RoomId, Place>,
    held: HashMap<RoomId, Held<T>>,
    /// Rooms of which everything waits, and the pauses that have to end before it goes.
    paused: HashMap<RoomId, Vec<Pause>>,
    /// Pauses that ever began.
    pauses: u64,
    /// Events that were ever held: the later of two at the same number goes out later.
    arrivals: u64,
}

/// The numbers of a room that did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) room: RoomId,
    pub(super) first: i64,
    pub(super) last: i64,
}

/// A pause of a room, told from those before it and beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    room: RoomId,
    number: u64,
}

impl Pause {
    pub(super) const fn room(self) -> RoomId {
        self.room
    }
}

/// How far a room came.
#[derive(Debug)]
struct Place {
    /// Highest number that went out or was given up.
    passed: i64,
    /// Numbers that the store gave, the latest of them: should they come by the channel too, they are not told again.
    filled: VecDeque<i64>,
}

/// The events of one room that wait, by the number that they wait behind or carry, and by arrival.
#[derive(Debug)]
struct Held<T> {
    /// When the one came that waits longest.
    since: Instant,
    /// When the missing numbers are to be asked for; `None` while the answer is awaited.
    ask_at: Option<Instant>,
    events: BTreeMap<(i64, u64), Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    since: Instant,
    event: T,
}

impl<T> Reorder<T> {
    pub(super) fn new() -> Self {
        Self {
            places: HashMap::new(),
            held: HashMap::new(),
            paused: HashMap::new(),
            pauses: 0,
            arrivals: 0,
        }
    }

    /// Takes in the message with this number of a room; what is to be emitted now is added to `out`.
    ///
    /// `emitted_up_to` is asked only if numbers seem to be missing: they may have gone out another way, or be from before
    /// the room was heard here. `None` if nobody knows yet.
    pub(super) fn message(
        &mut self,
        (room, seq): (RoomId, i64),
        event: T,
        now: Instant,
        emitted_up_to: impl FnOnce() -> Option<i64>,
        out: &mut Vec<T>,
    ) {
        let place = self.places.entry(room).or_insert_with(Place::new);
        if self.paused.contains_key(&room) {
            return self.hold(room, seq, event, now, out);
        }
        if seq <= place.passed {
            if !place.was_filled(seq) {
                out.push(event);
            }
            return;
        }
        let before = match seq - 1 == place.passed {
            true => Some(place.passed),
            false => emitted_up_to(),
        };
        // Nobody has read the head yet, or it was read when this was stored and not told: nobody knows whether those
        // before it were told.
        let is_doubtful = place.is_unknown()
            && (self.held.contains_key(&room) || before.is_none_or(|before| seq <= before));
        if !is_doubtful {
            place.passed = place.passed.max(before.unwrap_or(i64::MIN));
            if seq <= place.passed.saturating_add(1) {
                place.passed = seq.max(place.passed);
                out.push(event);
                return self.release_next(room, out);
            }
        }
        if self.held.len() >= MOST_ROOMS && !self.held.contains_key(&room) {
            place.passed = seq;
            return out.push(event);
        }
        self.hold(room, seq, event, now, out);
    }

    /// Takes in another event of a room: it does not overtake what is held.
    pub(super) fn other(&mut self, room: RoomId, event: T, now: Instant, out: &mut Vec<T>) {
        let last = self.held.get(&room).and_then(Held::last);
        match last {
            Some(seq) => self.hold(room, seq, event, now, out),
            None if self.paused.contains_key(&room) => {
                self.hold(room, i64::MIN, event, now, out);
            }
            None => out.push(event),
        }
    }

    /// Everything of the room waits until the pause, and any other of the room, ended by [`Self::resume`], or for [`LIMIT`].
    pub(super) fn pause(&mut self, room: RoomId) -> Pause {
        self.pauses += 1;
        let number = self.pauses;
        let pause = Pause { room, number };
        self.paused.entry(room).or_default().push(pause);
        pause
    }

    /// Whether everything of the room waits.
    pub(super) fn is_paused(&self, room: RoomId) -> bool {
        self.paused.contains_key(&room)
    }

    /// Ends a pause, unless it was given up; `emitted` says how far the room was told meanwhile, `None` if nobody knows.
    pub(super) fn resume(
        &mut self,
        pause: Pause,
        emitted: Option<i64>,
        now: Instant,
        out: &mut Vec<T>,
    ) {
        let room = pause.room;
        let Some(pauses) = self.paused.get_mut(&room) else {
            return;
        };
        pauses.retain(|other| *other != pause);
        if !pauses.is_empty() {
            return;
        }
        self.paused.remove(&room);
        let Some(emitted) = emitted else {
            return self.release(room, out);
        };
        let place = self.places.entry(room).or_insert_with(Place::new);
        place.passed = emitted.max(place.passed);
        if let Some(held) = self.held.get_mut(&room) {
            held.ask_at = Some(now + PATIENCE);
        }
        self.release_next(room, out);
    }

    /// When [`Self::expire`] has something to do; `None` while nothing is held.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.values().map(Held::deadline).min()
    }

    /// Gives up what has waited too long; the gaps that are to be asked for now. Each wants a [`Self::fill`].
    pub(super) fn expire(&mut self, now: Instant, out: &mut Vec<T>) -> Vec<Gap> {
        let due = |(room, held): (&RoomId, &Held<T>)| (held.deadline() <= now).then_some(*room);
        let rooms: Vec<RoomId> = self.held.iter().filter_map(due).collect();
        let mut gaps = Vec::new();
        for room in rooms {
            let Some(held) = self.held.get_mut(&room) else {
                continue;
            };
            // Nothing is known of a room that only waits because it is paused.
            let place = self.places.get(&room);
            let first = place.map_or(i64::MIN, |place| place.passed.saturating_add(1));
            let last = held.first().saturating_sub(1);
            if held.since + LIMIT <= now || last.saturating_sub(first) >= MOST_ASKED {
                self.release(room, out);
            } else {
                held.ask_at = None;
                gaps.push(Gap { room, first, last });
            }
        }
        gaps
    }

    /// What the store says of a gap: the messages by number; numbers that it does not have are given up. `None` if it
    /// could not say.
    pub(super) fn fill(
        &mut self,
        gap: Gap,
        found: Option<Vec<(i64, T)>>,
        now: Instant,
        out: &mut Vec<T>,
    ) {
        let (Some(held), Some(place)) =
            (self.held.get_mut(&gap.room), self.places.get_mut(&gap.room))
        else {
            // All of it came meanwhile.
            return;
        };
        let Some(found) = found else {
            held.ask_at = Some(now + PATIENCE);
            return;
        };
        if self.paused.contains_key(&gap.room) {
            // Asked before the pause: what is still missing then is asked for after it.
            return;
        }
        for (seq, event) in found {
            let came = held.events.range((seq, 0)..(seq + 1, 0)).next().is_some();
            if seq > place.passed && seq <= gap.last && !came {
                let waiting = Waiting { since: now, event };
                // Before any other event that waits behind the number.
                held.events.insert((seq, 0), waiting);
                place.note_filled(seq);
            }
        }
        while let Some(entry) = held.events.first_entry() {
            if entry.key().0 > gap.last {
                break;
            }
            out.push(entry.remove().event);
        }
        place.passed = gap.last.max(place.passed);
        self.release_next(gap.room, out);
    }

    /// Gives up what a room waits for.
    pub(super) fn release(&mut self, room: RoomId, out: &mut Vec<T>) {
        self.paused.remove(&room);
        let Some(held) = self.held.remove(&room) else {
            return;
        };
        if let Some(last) = held.last().filter(|last| *last > i64::MIN) {
            let place = self.places.entry(room).or_insert_with(Place::new);
            place.passed = last.max(place.passed);
        }
        out.extend(held.events.into_values().map(|waiting| waiting.event));
    }

    /// Gives up everything that is waited for.
    pub(super) fn give_up(&mut self, out: &mut Vec<T>) {
        let rooms: Vec<RoomId> = self.held.keys().copied().collect();
        for room in rooms {
            self.release(room, out);
        }
    }

    /// Rooms that are remembered.
    pub(super) fn rooms(&self) -> usize {
        self.places.len()
    }

    /// Forgets rooms that nobody here hears any more.
    pub(super) fn forget_others(&mut self, is_local: impl Fn(RoomId) -> bool) {
        self.places.retain(|room, _| is_local(*room));
        self.held.retain(|room, _| is_local(*room));
        self.paused.retain(|room, _| is_local(*room));
    }

    fn hold(&mut self, room: RoomId, seq: i64, event: T, now: Instant, out: &mut Vec<T>) {
        self.arrivals += 1;
        let is_paused = self.paused.contains_key(&room);
        let held = self.held.entry(room).or_insert_with(|| Held {
            since: now,
            ask_at: (!is_paused).then_some(now + PATIENCE),
            events: BTreeMap::new(),
        });
        let waiting = Waiting { since: now, event };
        held.events.insert((seq, self.arrivals), waiting);
        if held.events.len() > MOST_EVENTS {
            self.release(room, out);
        }
    }

    /// Lets go what waited for the number that has passed, up to the next gap.
    fn release_next(&mut self, room: RoomId, out: &mut Vec<T>) {
        let (Some(held), Some(place)) = (self.held.get_mut(&room), self.places.get_mut(&room))
        else {
            return;
        };
        let gap_before = held.first();
        while let Some(entry) = held.events.first_entry() {
            let (seq, _) = *entry.key();
            if seq > place.passed.saturating_add(1) {
                break;
            }
            place.passed = seq.max(place.passed);
            out.push(entry.remove().event);
        }
        match held.events.values().map(|waiting| waiting.since).min() {
            Some(since) => {
                held.since = since;
                if held.first() != gap_before {
                    held.ask_at = Some(since + PATIENCE);
                }
            }
            None => drop(self.held.remove(&room)),
        }
    }
}

impl Place {
    fn new() -> Self {
        Self {
            passed: i64::MIN,
            filled: VecDeque::new(),
        }
    }

    /// Whether nothing of the room went by yet.
    const fn is_unknown(&self) -> bool {
        self.passed == i64::MIN
    }

    fn note_filled(&mut self, seq: i64) {
        self.filled.push_back(seq);
        if self.filled.len() > usize::try_from(MOST_ASKED).unwrap_or(usize::MAX) {
            self.filled.pop_front();
        }
    }

    /// Whether the number went out from the store; asked once for each.
    fn was_filled(&mut self, seq: i64) -> bool {
        let at = self.filled.iter().position(|filled| *filled == seq);
        at.and_then(|at| self.filled.remove(at)).is_some()
    }
}

impl<T> Held<T> {
    /// Number of the first event; that of the last plus one if there is none.
    fn first(&self) -> i64 {
        self.events.keys().next().map_or(i64::MAX, |(seq, _)| *seq)
    }

    fn last(&self) -> Option<i64> {
        self.events.keys().next_back().map(|(seq, _)| *seq)
    }

    fn deadline(&self) -> Instant {
        let limit = self.since + LIMIT;
        self.ask_at.map_or(limit, |ask_at| ask_at.min(limit))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A room that is heard from number 1 on, and what it emitted.
    struct Line {
        room: RoomId,
        start: Instant,
        reorder: Reorder<i64>,
        out: Vec<i64>,
    }

    impl Line {
        fn new() -> Self {
            Self {
                room: RoomId::now_v7(),
                start: Instant::now(),
                reorder: Reorder::new(),
                out: Vec::new(),
            }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn message(&mut self, seq: i64, millis: u64) {
            let now = self.at(millis);
            self.reorder
                .message((self.room, seq), seq, now, || Some(0), &mut self.out);
        }

        /// Another event, told from messages by its sign.
        fn other(&mut self, event: i64, millis: u64) {
            let now = self.at(millis);
            self.reorder.other(self.room, -event, now, &mut self.out);
        }

        /// The first and last numbers that are asked for.
        fn expire(&mut self, millis: u64) -> Vec<(i64, i64)> {
            let now = self.at(millis);
            let gaps = self.reorder.expire(now, &mut self.out);
            gaps.iter().map(|gap| (gap.first, gap.last)).collect()
        }

        /// The store's answer; `None` if it is away.
        fn fill(&mut self, (first, last): (i64, i64), found: Option<&[i64]>, millis: u64) {
            let gap = Gap {
                room: self.room,
                first,
                last,
            };
            let found = found.map(|found| found.iter().map(|seq| (*seq, *seq)).collect());
            let now = self.at(millis);
            self.reorder.fill(gap, found, now, &mut self.out);
        }
    }

    #[test]
    fn what_came_too_early_waits_for_the_numbers_before_it() {
        let mut line = Line::new();
        for seq in [1, 4, 3] {
            line.message(seq, 0);
        }
        assert_eq!(line.out, [1]);
        line.message(2, 10);
        assert_eq!(line.out, [1, 2, 3, 4]);
        assert_eq!(line.reorder.deadline(), None);
    }

    #[test]
    fn later_events_of_the_room_do_not_overtake_what_waits() {
        let mut line = Line::new();
        line.other(1, 0);
        line.message(2, 0);
        line.other(2, 0);
        line.message(3, 0);
        line.other(3, 0);
        assert_eq!(line.out, [-1]);
        line.message(1, 0);
        assert_eq!(line.out, [-1, 1, 2, -2, 3, -3]);
    }

    #[test]
    fn what_does_not_come_in_time_is_asked_for_and_told_once() {
        let mut line = Line::new();
        line.message(4, 0);
        line.message(2, 200);
        line.other(1, 200);
        assert_eq!(line.reorder.deadline(), Some(line.at(300)));
        assert_eq!(line.expire(299), []);
        assert_eq!(line.expire(300), [(1, 1)]);
        // Not asked for again while the answer is on its way.
        assert_eq!(line.reorder.deadline(), Some(line.at(5000)));
        line.fill((1, 1), Some(&[1]), 310);
        assert_eq!(line.out, [1, 2]);
        // The next gap: its event waits long enough already.
        assert_eq!(line.expire(310), [(3, 3)]);
        line.message(3, 320);
        assert_eq!(line.out, [1, 2, 3, 4, -1]);
        line.fill((3, 3), Some(&[3]), 330);
        for seq in [1, 3, 1, 5] {
            line.message(seq, 340);
        }
        // Three came by the channel and was told; one came from the store, and then by the channel twice.
        assert_eq!(line.out, [1, 2, 3, 4, -1, 3, 1, 5]);
        assert_eq!(line.reorder.deadline(), None);
    }

    #[test]
    fn a_room_that_somebody_comes_into_waits_until_they_have_heard_what_was_before() {
        let mut line = Line::new();
        let room = line.room;
        let first = line.reorder.pause(room);
        let second = line.reorder.pause(room);
        line.other(9, 0);
        for seq in [6, 4, 5, 8] {
            line.message(seq, 10);
        }
        assert_eq!(line.expire(4000), []);
        line.reorder
            .resume(first, Some(4), line.start, &mut line.out);
        assert!(line.out.is_empty(), "{:?}", line.out);
        let now = line.at(4100);
        line.reorder.resume(second, Some(4), now, &mut line.out);
        assert_eq!(line.out, [-9, 4, 5, 6]);
        // A gap is a gap as ever.
        assert_eq!(line.expire(4400), [(7, 7)]);
        line.fill((7, 7), Some(&[7]), 4400);
        assert_eq!(line.out, [-9, 4, 5, 6, 7, 8]);
        assert!(!line.reorder.is_paused(room));
    }

    #[test]
    fn what_was_stored_before_the_head_was_read_waits_for_what_was_too() {
        let mut line = Line::new();
        let mut message = |seq, millis| {
            let now = line.start + Duration::from_millis(millis);
            // Who came first read the head 4, and three of its numbers are still to be told.
            let emitted = || Some(4);
            line.reorder
                .message((line.room, seq), seq, now, emitted, &mut line.out);
        };
        message(4, 0);
        message(5, 10);
        message(3, 20);
        assert!(line.out.is_empty(), "{:?}", line.out);
        assert_eq!(line.expire(300), []);
        line.message(6, 310);
        assert_eq!(line.out, [3, 4, 5, 6]);
        assert_eq!(line.reorder.deadline(), None);
    }

    #[test]
    fn a_pause_ends_by_itself() {
        let mut line = Line::new();
        let (room, now) = (line.room, line.start);
        let given_up = line.reorder.pause(room);
        line.other(1, 0);
        line.message(7, 0);
        assert_eq!(line.expire(5000), []);
        assert_eq!(line.out, [-1, 7]);
        line.message(8, 5000);
        assert_eq!(line.out, [-1, 7, 8]);
        // Nothing is known of the room: it begins with what waits. A pause that was given up ends no other.
        let pause = line.reorder.pause(room);
        line.message(10, 5000);
        line.reorder.resume(given_up, Some(6), now, &mut line.out);
        assert_eq!(line.out, [-1, 7, 8]);
        line.reorder.resume(pause, None, now, &mut line.out);
        line.message(11, 5000);
        assert_eq!(line.out, [-1, 7, 8, 10, 11]);
    }

    #[test]
    fn a_pause_without_a_message_ends_by_itself_too() {
        let mut line = Line::new();
        line.reorder.pause(line.room);
        line.other(1, 0);
        assert_eq!(line.expire(5000), []);
        assert_eq!(line.out, [-1]);
        assert_eq!(line.reorder.deadline(), None);
    }

    #[test]
    fn a_store_that_is_away_is_asked_again_until_the_limit() {
        let mut line = Line::new();
        line.message(2, 0);
        let mut at = 300;
        while line.out.is_empty() {
            for gap in line.expire(at) {
                line.fill(gap, None, at + 10);
            }
            at += 310;
        }
        assert_eq!((line.out.as_slice(), at), ([2].as_slice(), 300 + 17 * 310));
        line.message(1, at);
        assert_eq!(line.out, [2, 1]);
    }

    #[test]
    fn what_the_store_does_not_have_is_given_up_and_passes_later() {
        let mut line = Line::new();
        line.message(4, 0);
        assert_eq!(line.expire(300), [(1, 3)]);
        line.fill((1, 3), Some(&[2]), 301);
        assert_eq!(line.out, [2, 4]);
        line.message(5, 302);
        line.message(1, 302);
        assert_eq!(line.out, [2, 4, 5, 1]);
    }

    #[test]
    fn more_than_may_be_asked_for_is_given_up_at_once() {
        let mut line = Line::new();
        line.message(MOST_ASKED + 2, 0);
        assert_eq!(line.expire(300), []);
        assert_eq!(line.out, [MOST_ASKED + 2]);
        line.message(2 * MOST_ASKED + 3, 300);
        let gap = (MOST_ASKED + 3, 2 * MOST_ASKED + 2);
        assert_eq!(line.expire(600), [gap]);
    }

    #[test]
    fn what_waits_behind_a_second_gap_waits_from_its_own_arrival() {
        let mut line = Line::new();
        line.message(2, 0);
        line.message(4, 100);
        line.message(1, 200);
        assert_eq!(line.out, [1, 2]);
        assert_eq!(line.reorder.deadline(), Some(line.at(400)));
    }

    #[test]
    fn a_room_of_which_nothing_is_known_begins_with_what_comes_in_its_first_moment() {
        let mut line = Line::new();
        let (room, now) = (line.room, line.start);
        for seq in [7, 6] {
            line.reorder
                .message((room, seq), seq, now, || None, &mut line.out);
        }
        line.message(8, 200);
        assert!(line.out.is_empty(), "{:?}", line.out);
        assert_eq!(line.expire(300), []);
        assert_eq!(line.out, [6, 7, 8]);
        line.message(9, 301);
        assert_eq!(line.out, [6, 7, 8, 9]);
    }

    #[test]
    fn numbers_that_went_out_another_way_are_not_waited_for() {
        let mut line = Line::new();
        let (room, now) = (line.room, line.start);
        line.message(1, 0);
        line.reorder
            .message((room, 5), 5, now, || Some(4), &mut line.out);
        assert_eq!(line.out, [1, 5]);
    }

    #[test]
    fn no_more_than_the_bound_is_held() {
        let mut line = Line::new();
        for seq in (0..).map(|place| place + 2).take(MOST_EVENTS) {
            line.message(seq, 0);
        }
        assert!(line.out.is_empty(), "{:?}", line.out);
        line.other(1, 0);
        assert_eq!(line.out.len(), MOST_EVENTS + 1);
        let (now, mut out) = (line.start, Vec::new());
        for _ in 0..=MOST_ROOMS {
            line.reorder
                .message((RoomId::now_v7(), 2), 2, now, || Some(0), &mut out);
        }
        assert_eq!(out, [2], "one room too many");
        line.reorder.give_up(&mut out);
        assert_eq!(out.len(), MOST_ROOMS + 1);
    }

    /// How numbers 1 to `count` may come: some lost, some twice, each somewhat late.
    fn arrivals() -> impl Strategy<Value = Vec<(u64, i64)>> {
        let each = (
            0_u64..600,
            proptest::option::weighted(0.2, 0_u64..900),
            0_u8..10,
        );
        proptest::collection::vec(each, 1..60).prop_map(|each| {
            let mut arrivals = Vec::new();
            for (seq, (delay, again, luck)) in (1..).zip(each) {
                let sent = u64::try_from(seq).unwrap_or_default() * 20;
                if luck > 0 {
                    arrivals.push((sent + delay, seq));
                    arrivals.extend(again.map(|later| (sent + delay + later, seq)));
                }
            }
            arrivals.sort_unstable();
            arrivals
        })
    }

    /// What went out and when, if the store answers each question after `delay` with what `store` says.
    fn play(
        arrivals: &[(u64, i64)],
        delay: u64,
        mut store: impl FnMut((i64, i64)) -> Option<Vec<i64>>,
    ) -> Vec<(u64, i64)> {
        let mut line = Line::new();
        let mut answers = Vec::new();
        let mut emitted = Vec::new();
        let limit = u64::try_from(LIMIT.as_millis()).unwrap();
        let end = arrivals.last().map_or(0, |(at, _)| at + limit + delay);
        let mut incoming = arrivals.iter().copied().peekable();
        for now in 0..=end {
            let is_due = |deadline| deadline <= line.at(now);
            if line.reorder.deadline().is_some_and(is_due) {
                let asked = line.expire(now).into_iter();
                answers.extend(asked.map(|gap| (now + delay, gap)));
            }
            answers.retain(|(at, gap)| {
                let is_there = *at <= now;
                if is_there {
                    line.fill(*gap, store(*gap).as_deref(), now);
                }
                !is_there
            });
            while let Some((_, seq)) = incoming.next_if(|(at, _)| *at == now) {
                line.message(seq, now);
            }
            emitted.extend(line.out.drain(..).map(|seq| (now, seq)));
        }
        assert!(line.reorder.held.is_empty(), "{:?}", line.reorder);
        emitted
    }

    proptest! {
        #[test]
        fn with_a_store_every_number_goes_out_once_in_order(arrivals in arrivals(), delay in 0_u64..50) {
            let emitted = play(&arrivals, delay, |(first, last)| Some((first..=last).collect()));
            let highest = arrivals.iter().map(|(_, seq)| *seq).max().unwrap_or(0);
            let mut told = Vec::new();
            let mut repeats = Vec::new();
            for (_, seq) in emitted {
                match told.last().is_none_or(|last| seq > *last) {
                    true => told.push(seq),
                    false => repeats.push(seq),
                }
            }
            prop_assert_eq!(told, (1..=highest).collect::<Vec<i64>>());
            // What came twice may go out twice.
            for seq in repeats {
                let times = arrivals.iter().filter(|(_, came)| *came == seq).count();
                prop_assert_eq!(times, 2, "{}", seq);
            }
        }

        #[test]
        fn without_a_store_everything_that_came_goes_out_within_the_limit(
            arrivals in arrivals(), delay in 0_u64..900, knows_nothing in proptest::bool::ANY,
        ) {
            let emitted = play(&arrivals, delay, |_| knows_nothing.then(Vec::new));
            let limit = u64::try_from(LIMIT.as_millis()).unwrap();
            let mut waiting: Vec<(u64, i64)> = emitted.clone();
            for (came, seq) in &arrivals {
                let at = waiting.iter().position(|(went, it)| it == seq && went >= came);
                let (went, _) = waiting.remove(at.expect("it went out"));
                prop_assert!(went - came <= limit, "{} came at {} and went at {}", seq, came, went);
            }
            prop_assert_eq!(waiting, []);
        }

        #[test]
        fn what_comes_within_the_patience_goes_out_in_order(
            delays in proptest::collection::vec(0_u64..299, 1..80),
        ) {
            let mut line = Line::new();
            let mut arrivals: Vec<(u64, i64)> = delays.iter().copied().zip(1..).collect();
            arrivals.sort_unstable();
            for (at, seq) in arrivals {
                line.expire(at);
                line.message(seq, at);
            }
            let expected: Vec<i64> = (1..).take(delays.len()).collect();
            prop_assert_eq!(line.out, expected);
        }
    }
}
