//! Which messages of a batch are new, and the number that each of them gets.

use std::collections::{BTreeMap, HashMap};

use chat_core::ids::{JobId, RoomId, UserId};
use chat_core::time::Timestamp;

use super::{Known, NewMessage, Unappendable};

/// Where a message of the batch belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is new and gets this number.
    New { seq: i64 },
    /// It was stored before this batch.
    Earlier { seq: i64, job_id: JobId },
    /// It repeats the message of the batch at this index.
    SameAs { index: usize },
    /// It can't be stored.
    Nowhere(Unappendable),
}

/// The places of a whole batch and what they change.
#[derive(Debug)]
pub(super) struct Plan {
    /// One for each message of the batch.
    pub(super) places: Vec<Place>,
    /// The rooms that get messages: their new last seq and when that one was sent.
    pub(super) heads: BTreeMap<RoomId, (i64, Timestamp)>,
    /// How many messages each sender gets stored in each room, and when the last was sent.
    pub(super) senders: BTreeMap<(RoomId, UserId), (i64, Timestamp)>,
}

impl Plan {
    /// Numbers the new messages of `batch` in its order, above the `last_seqs` of the rooms that exist.
    pub(super) fn of(
        batch: &[NewMessage],
        last_seqs: &HashMap<RoomId, i64>,
        known: &[Known],
    ) -> Self {
        let mut plan = Self {
            places: Vec::with_capacity(batch.len()),
            heads: BTreeMap::new(),
            senders: BTreeMap::new(),
        };
        let mut jobs: HashMap<(RoomId, JobId), usize> = HashMap::new();
        let mut sends: HashMap<(RoomId, UserId, &str), usize> = HashMap::new();
        for (index, (new, known)) in batch.iter().zip(known).enumerate() {
            let job = (new.room_id, new.job_id);
            let send = (new.room_id, new.sender_id, new.send.client_msg_id.as_str());
            let place = match (last_seqs.get(&new.room_id), known.stored) {
                (None, _) => Place::Nowhere(Unappendable::RoomGone),
                // A repeat is answered like the first, even if the sender has left since.
                (_, Some((seq, job_id))) => Place::Earlier { seq, job_id },
                (Some(last_seq), None) => match jobs.get(&job).or_else(|| sends.get(&send)) {
                    Some(&index) => Place::SameAs { index },
                    None if !known.is_member => Place::Nowhere(Unappendable::NotMember),
                    None => plan.number(new, *last_seq),
                },
            };
            if matches!(place, Place::New { .. }) {
                jobs.insert(job, index);
                sends.insert(send, index);
            }
            plan.places.push(place);
        }
        plan
    }

    fn number(&mut self, new: &NewMessage, last_seq: i64) -> Place {
        let (seq, at) = self
            .heads
            .entry(new.room_id)
            .or_insert((last_seq, new.created_at));
        *seq += 1;
        *at = new.created_at.max(*at);
        let (count, sent_at) = self
            .senders
            .entry((new.room_id, new.sender_id))
            .or_insert((0, new.created_at));
        *count += 1;
        *sent_at = new.created_at.max(*sent_at);
        Place::New { seq: *seq }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ids::MessageId;
    use chat_core::job::SendMessage;
    use chat_core::protocol::objects::MessageType;

    use super::*;

    fn send(room: RoomId, sender: UserId, client_msg_id: &str) -> NewMessage {
        NewMessage {
            job_id: JobId::now_v7(),
            room_id: room,
            sender_id: sender,
            created_at: Timestamp::now(),
            send: SendMessage {
                message_id: MessageId::now_v7(),
                client_msg_id: client_msg_id.to_owned(),
                kind: MessageType::Text,
                content: "hi".to_owned(),
                reply_to: None,
                thread_id: None,
                mentions: vec![],
                attachments: vec![],
                forwarded_from: None,
            },
            call: None,
        }
    }

    fn member() -> Known {
        Known {
            is_member: true,
            stored: None,
        }
    }

    #[test]
    fn refused_and_repeated_sends_use_no_number() {
        let (room, gone, sender) = (RoomId::now_v7(), RoomId::now_v7(), UserId::now_v7());
        let stranger = Known {
            is_member: false,
            stored: None,
        };
        let job_id = JobId::now_v7();
        let stored = Known {
            is_member: false,
            stored: Some((3, job_id)),
        };
        let batch = [
            send(room, sender, "a"),
            send(room, sender, "a"),
            send(room, UserId::now_v7(), "a"),
            send(gone, sender, "a"),
            send(room, sender, "old"),
            send(room, sender, "b"),
        ];
        let known = [member(), member(), stranger, member(), stored, member()];
        let plan = Plan::of(&batch, &HashMap::from([(room, 7)]), &known);
        assert_eq!(
            plan.places,
            [
                Place::New { seq: 8 },
                Place::SameAs { index: 0 },
                Place::Nowhere(Unappendable::NotMember),
                Place::Nowhere(Unappendable::RoomGone),
                Place::Earlier { seq: 3, job_id },
                Place::New { seq: 9 },
            ]
        );
        assert_eq!(plan.heads[&room].0, 9);
        assert_eq!(plan.senders[&(room, sender)].0, 2);
        assert_eq!((plan.heads.len(), plan.senders.len()), (1, 1));
    }

    #[test]
    fn a_job_twice_in_one_batch_is_one_message() {
        let (room, sender) = (RoomId::now_v7(), UserId::now_v7());
        let first = send(room, sender, "a");
        let mut again = send(room, sender, "b");
        again.job_id = first.job_id;
        let plan = Plan::of(
            &[first, again],
            &HashMap::from([(room, 0)]),
            &[member(), member()],
        );
        assert_eq!(
            plan.places,
            [Place::New { seq: 1 }, Place::SameAs { index: 0 }]
        );
    }
}
