//! What one member has seen of its rooms, kept as the contract tells clients to: repeats dropped by message id, gaps
//! noticed by the numbers.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use uuid::Uuid;

/// What counts of a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) room_id: Uuid,
    pub(crate) seq: i64,
    pub(crate) sender_id: Uuid,
}

/// One room.
#[derive(Debug, Default, Clone)]
pub(crate) struct RoomView {
    /// Message ids by number.
    pub(crate) messages: BTreeMap<i64, Uuid>,
    numbers: HashMap<Uuid, i64>,
    /// Everything up to here was seen.
    pub(crate) complete_to: i64,
    /// Highest number that this connection brought live, in all and of each sender.
    highest_live: i64,
    highest_of: HashMap<Uuid, i64>,
}

/// All rooms of a member.
#[derive(Debug, Default, Clone)]
pub(crate) struct View {
    pub(crate) rooms: HashMap<Uuid, RoomView>,
    /// What must never be seen.
    pub(crate) problems: Vec<String>,
    /// Messages that came again and were dropped.
    pub(crate) repeats: u64,
    /// Messages that came live after one with a greater number, of another sender.
    pub(crate) overtaken: u64,
}

impl View {
    /// Nothing seen yet.
    pub(crate) fn of(rooms: impl IntoIterator<Item = Uuid>) -> Self {
        let rooms = rooms
            .into_iter()
            .map(|room| (room, RoomView::default()))
            .collect();
        Self {
            rooms,
            ..Self::default()
        }
    }

    /// A new connection starts a new live order.
    pub(crate) fn connected(&mut self) {
        for room in self.rooms.values_mut() {
            room.highest_live = 0;
            room.highest_of.clear();
        }
    }

    /// Takes a message in; whether there is a gap before it.
    pub(crate) fn take(&mut self, message: &Message, is_live: bool) -> bool {
        let Some(room) = self.rooms.get_mut(&message.room_id) else {
            self.problems.push(format!(
                "a message of a room that is not the member's: {message:?}"
            ));
            return false;
        };
        match (
            room.messages.get(&message.seq),
            room.numbers.get(&message.id),
        ) {
            (Some(id), Some(seq)) if (*id, *seq) == (message.id, message.seq) => {
                self.repeats += 1;
                return false;
            }
            (None, None) => {}
            (known, number) => {
                self.problems.push(format!(
                    "doubled: {message:?}, but known are {known:?} and {number:?}"
                ));
                return false;
            }
        }
        if is_live {
            let of_sender = room.highest_of.entry(message.sender_id).or_default();
            if message.seq < *of_sender {
                self.problems.push(format!(
                    "disorder on one socket: {message:?} after {of_sender}"
                ));
            } else if message.seq < room.highest_live {
                self.overtaken += 1;
            }
            *of_sender = message.seq.max(*of_sender);
            room.highest_live = room.highest_live.max(message.seq);
        }
        room.messages.insert(message.seq, message.id);
        room.numbers.insert(message.id, message.seq);
        while room.messages.contains_key(&(room.complete_to + 1)) {
            room.complete_to += 1;
        }
        message.seq > room.complete_to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_dropped_gaps_are_noticed_and_doubles_are_problems() {
        let room_id = Uuid::from_u128(1);
        let sender_id = Uuid::nil();
        let message = |id: u128, seq| Message {
            id: Uuid::from_u128(id),
            room_id,
            seq,
            sender_id,
        };
        let mut view = View::of([room_id]);
        assert!(!view.take(&message(11, 1), true));
        assert!(view.take(&message(13, 3), true));
        assert!(!view.take(&message(12, 2), false));
        assert!(!view.take(&message(13, 3), true));
        assert_eq!((view.rooms[&room_id].complete_to, view.repeats), (3, 1));
        assert!(view.problems.is_empty(), "{:?}", view.problems);
        view.take(&message(99, 3), true);
        view.take(&message(13, 4), true);
        assert_eq!(view.problems.len(), 2);
    }

    #[test]
    fn a_number_that_comes_live_after_a_greater_one_of_its_sender_is_disorder() {
        let room_id = Uuid::from_u128(1);
        let mut view = View::of([room_id]);
        for (id, seq, sender) in [(13, 3, 1), (12, 2, 2), (11, 1, 1)] {
            let (id, sender_id) = (Uuid::from_u128(id), Uuid::from_u128(sender));
            view.take(
                &Message {
                    id,
                    room_id,
                    seq,
                    sender_id,
                },
                true,
            );
        }
        assert_eq!((view.problems.len(), view.overtaken), (1, 1));
    }
}
