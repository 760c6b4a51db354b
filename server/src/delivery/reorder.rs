//! Puts a room's events into the order of its numbers before they are emitted.
//!
//! A channel brings events in the order in which their makers told Redis, and those may be two: gateways that do sends
//! themselves while the broker is away, or a processor that has lost a partition and has not noticed. So number n + 1
//! can come before n. What comes beyond the next number waits for the numbers between, and with it every later event
//! of the room, but never longer than [`PATIENCE`]: what Redis lost does not come, and `heads` makes it good later.
//!
//! No clock and no I/O in here: times come in, events come out.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use chat_core::ids::RoomId;

/// How long an event may wait for the numbers before it: well above the time from a commit to its publish.
pub(super) const PATIENCE: Duration = Duration::from_millis(300);
/// Most events of a room that wait; one more, and all of them go.
const MOST_EVENTS: usize = 512;
/// Most rooms whose events wait; those of others are not held.
const MOST_ROOMS: usize = 1024;

/// What is held, and how far each room came.
#[derive(Debug)]
pub(super) struct Reorder<T> {
    /// Highest number of each room that went out or was given up.
    passed: HashMap<RoomId, i64>,
    held: HashMap<RoomId, Held<T>>,
    /// Events that were ever held: the later of two at the same number goes out later.
    arrivals: u64,
}

/// The events of one room that wait, by the number that they wait behind or carry, and by arrival.
#[derive(Debug)]
struct Held<T> {
    /// When the one came that waits longest.
    since: Instant,
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
            passed: HashMap::new(),
            held: HashMap::new(),
            arrivals: 0,
        }
    }

    /// Takes in the message with this number of a room; what is to be emitted now is added to `out`.
    ///
    /// `emitted_up_to` is asked only if numbers seem to be missing: they may have gone out another way, or from before
    /// the room was heard here. `None` if the room is new.
    pub(super) fn message(
        &mut self,
        (room, seq): (RoomId, i64),
        event: T,
        now: Instant,
        emitted_up_to: impl FnOnce() -> Option<i64>,
        out: &mut Vec<T>,
    ) {
        let passed = match self.passed.entry(room) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(i64::MIN),
        };
        if seq <= *passed {
            return out.push(event);
        }
        if seq - 1 != *passed {
            let Some(emitted) = emitted_up_to() else {
                // Nobody can say what comes before it.
                *passed = seq;
                out.push(event);
                return self.release_next(room, out);
            };
            *passed = emitted.max(*passed);
        }
        if seq <= passed.saturating_add(1) {
            *passed = seq.max(*passed);
            out.push(event);
            return self.release_next(room, out);
        }
        if self.held.len() >= MOST_ROOMS && !self.held.contains_key(&room) {
            *passed = seq;
            return out.push(event);
        }
        self.hold(room, seq, event, now, out);
    }

    /// Takes in another event of a room: it does not overtake what is held.
    pub(super) fn other(&mut self, room: RoomId, event: T, now: Instant, out: &mut Vec<T>) {
        let last = self.held.get(&room).and_then(Held::last);
        match last {
            Some(seq) => self.hold(room, seq, event, now, out),
            None => out.push(event),
        }
    }

    /// When [`Self::expire`] has something to do; `None` while nothing is held.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let since = self.held.values().map(|held| held.since).min()?;
        Some(since + PATIENCE)
    }

    /// Gives up the numbers that did not come in time.
    pub(super) fn expire(&mut self, now: Instant, out: &mut Vec<T>) {
        let late =
            |(room, held): (&RoomId, &Held<T>)| (held.since + PATIENCE <= now).then_some(*room);
        let rooms: Vec<RoomId> = self.held.iter().filter_map(late).collect();
        for room in rooms {
            self.release(room, out);
        }
    }

    /// Gives up what a room waits for.
    pub(super) fn release(&mut self, room: RoomId, out: &mut Vec<T>) {
        let Some(held) = self.held.remove(&room) else {
            return;
        };
        if let Some(last) = held.last() {
            let passed = self.passed.entry(room).or_insert(last);
            *passed = last.max(*passed);
        }
        out.extend(held.events.into_values().map(|waiting| waiting.event));
    }

    /// Gives up everything that is waited for and begins anew.
    pub(super) fn clear(&mut self, out: &mut Vec<T>) {
        let rooms: Vec<RoomId> = self.held.keys().copied().collect();
        for room in rooms {
            self.release(room, out);
        }
        self.passed.clear();
    }

    /// Rooms that are remembered.
    pub(super) fn rooms(&self) -> usize {
        self.passed.len()
    }

    /// Forgets rooms that nobody here hears any more.
    pub(super) fn forget_others(&mut self, is_local: impl Fn(RoomId) -> bool) {
        self.passed.retain(|room, _| is_local(*room));
        self.held.retain(|room, _| is_local(*room));
    }

    fn hold(&mut self, room: RoomId, seq: i64, event: T, now: Instant, out: &mut Vec<T>) {
        self.arrivals += 1;
        let held = self.held.entry(room).or_insert_with(|| Held {
            since: now,
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
        let (Some(held), Some(passed)) = (self.held.get_mut(&room), self.passed.get_mut(&room))
        else {
            return;
        };
        while let Some(entry) = held.events.first_entry() {
            let (seq, _) = *entry.key();
            if seq > passed.saturating_add(1) {
                break;
            }
            *passed = seq.max(*passed);
            out.push(entry.remove().event);
        }
        match held.events.values().map(|waiting| waiting.since).min() {
            Some(since) => held.since = since,
            None => drop(self.held.remove(&room)),
        }
    }
}

impl<T> Held<T> {
    fn last(&self) -> Option<i64> {
        self.events.keys().next_back().map(|(seq, _)| *seq)
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

        fn expire(&mut self, millis: u64) {
            let now = self.at(millis);
            self.reorder.expire(now, &mut self.out);
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
    fn what_does_not_come_in_time_is_given_up_and_passes_later() {
        let mut line = Line::new();
        line.message(2, 0);
        line.message(3, 200);
        assert_eq!(line.reorder.deadline(), Some(line.at(300)));
        line.expire(299);
        assert!(line.out.is_empty(), "{:?}", line.out);
        line.expire(300);
        assert_eq!(line.out, [2, 3]);
        line.message(4, 301);
        line.message(1, 301);
        assert_eq!(line.out, [2, 3, 4, 1]);
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
    fn a_room_of_which_nothing_is_known_begins_with_what_comes() {
        let mut line = Line::new();
        let (room, now) = (line.room, line.start);
        line.reorder
            .message((room, 7), 7, now, || None, &mut line.out);
        line.message(8, 0);
        assert_eq!(line.out, [7, 8]);
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
        line.reorder.clear(&mut out);
        assert_eq!(out.len(), MOST_ROOMS + 1);
        assert_eq!(line.reorder.rooms(), 0);
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

    proptest! {
        #[test]
        fn everything_goes_out_in_time_and_ascending_but_for_repeats_and_latecomers(arrivals in arrivals()) {
            let mut line = Line::new();
            let limit = u64::try_from(PATIENCE.as_millis()).unwrap();
            // Arrival of each that has not gone out yet.
            let mut waiting: Vec<(u64, i64)> = Vec::new();
            let (mut emitted, mut highest) = (Vec::new(), 0);
            let mut given_up_below = 0;
            let end = arrivals.last().map_or(0, |(at, _)| at + limit);
            let mut incoming = arrivals.iter().copied().peekable();
            for now in 0..=end {
                if line.reorder.deadline().is_some_and(|deadline| deadline <= line.at(now)) {
                    line.expire(now);
                    given_up_below = line.out.last().copied().unwrap_or(given_up_below);
                }
                while let Some((_, seq)) = incoming.next_if(|(at, _)| *at == now) {
                    waiting.push((now, seq));
                    line.message(seq, now);
                }
                for seq in line.out.drain(..) {
                    let place = waiting.iter().position(|(_, waits)| *waits == seq).expect("it came");
                    waiting.remove(place);
                    prop_assert!(
                        seq > highest || emitted.contains(&seq) || seq <= given_up_below,
                        "{seq} after {highest}"
                    );
                    highest = seq.max(highest);
                    emitted.push(seq);
                }
                let overdue = waiting.iter().find(|(since, _)| since + limit <= now);
                prop_assert!(overdue.is_none(), "{overdue:?} still waits at {now}");
            }
            let mut came: Vec<i64> = arrivals.iter().map(|(_, seq)| *seq).collect();
            came.sort_unstable();
            emitted.sort_unstable();
            prop_assert_eq!(emitted, came);
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
