//! Compares what was acknowledged with what is stored and with what each member saw.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use chat_backends::postgres::PgPool;
use chat_core::ids::RoomId;
use serde::Serialize;
use sqlx::Row;
use uuid::Uuid;

use crate::ledger::Sent;
use crate::view::View;

/// Most problems that are told one by one.
const TOLD: usize = 20;

/// A stored message.
#[derive(Debug, Clone)]
pub(crate) struct StoredMessage {
    pub(crate) seq: i64,
    pub(crate) id: Uuid,
    pub(crate) sender: Uuid,
    pub(crate) client_id: String,
    pub(crate) content: String,
}

/// What a run came to. All of the last seven must be zero.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    pub(crate) sent: usize,
    pub(crate) acknowledged: usize,
    pub(crate) stored: usize,
    pub(crate) repeats_dropped: u64,
    /// Came live to a socket after a later message of somebody else; its gap was noticed and filled.
    pub(crate) overtaken_live: u64,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) gaps: usize,
    pub(crate) disorder: usize,
    pub(crate) not_seen: usize,
    pub(crate) other: usize,
    /// The first of them, in words.
    pub(crate) problems: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_clean(&self) -> bool {
        self.overtaken_live == 0
            && self.lost + self.doubled + self.gaps + self.disorder + self.not_seen + self.other
                == 0
    }

    fn tell(&mut self, problem: String) {
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        }
    }
}

/// What is stored in each room, by number.
pub(crate) async fn stored(
    pool: &PgPool,
    rooms: &[RoomId],
) -> anyhow::Result<HashMap<Uuid, Vec<StoredMessage>>> {
    let mut stored = HashMap::new();
    for room in rooms {
        let rows = sqlx::query(
            "SELECT seq, message_id, sender_id, client_msg_id, content FROM messages WHERE room_id = $1 ORDER BY seq",
        )
        .bind(room.uuid())
        .fetch_all(pool)
        .await
        .context("the messages can't be read")?;
        let rows = rows
            .iter()
            .map(|row| StoredMessage {
                seq: row.get("seq"),
                id: row.get("message_id"),
                sender: row.get("sender_id"),
                client_id: row
                    .get::<Option<String>, _>("client_msg_id")
                    .unwrap_or_default(),
                content: row.get("content"),
            })
            .collect();
        stored.insert(room.uuid(), rows);
    }
    Ok(stored)
}

/// Compares everything.
pub(crate) fn check(
    stored: &HashMap<Uuid, Vec<StoredMessage>>,
    sent: &[Sent],
    views: &[View],
) -> Verdict {
    let mut verdict = Verdict {
        sent: sent.len(),
        acknowledged: sent
            .iter()
            .filter(|sent| sent.acknowledged.is_some())
            .count(),
        stored: stored.values().map(Vec::len).sum(),
        repeats_dropped: views.iter().map(|view| view.repeats).sum(),
        overtaken_live: views.iter().map(|view| view.overtaken).sum(),
        ..Verdict::default()
    };
    let numbers = storage(stored, sent, &mut verdict);
    // Before what was not seen, which is often more than is told.
    order(sent, &numbers, &mut verdict);
    for view in views {
        seen(stored, view, &mut verdict);
    }
    verdict
}

/// Every acknowledged send is stored once and as it was sent; numbers have no gap. Returns the numbers by client id.
fn storage(
    stored: &HashMap<Uuid, Vec<StoredMessage>>,
    sent: &[Sent],
    verdict: &mut Verdict,
) -> HashMap<String, i64> {
    let mut numbers = HashMap::new();
    let mut rows = HashMap::new();
    for (room, messages) in stored {
        for (place, row) in (1..).zip(messages) {
            if row.seq != place {
                verdict.gaps += 1;
                verdict.tell(format!(
                    "gap: room {room} has {} where {place} should be",
                    row.seq
                ));
                break;
            }
        }
        for row in messages {
            if let Some(before) = numbers.insert(row.client_id.clone(), row.seq) {
                verdict.doubled += 1;
                verdict.tell(format!(
                    "doubled: {} is stored as {before} and as {} of {room}",
                    row.client_id, row.seq
                ));
            }
            rows.insert(row.client_id.clone(), (*room, row));
        }
    }
    for sent in sent {
        match rows.remove(&sent.client_id.to_string()) {
            None if sent.acknowledged.is_some() => {
                verdict.lost += 1;
                verdict.tell(format!("lost: {sent:?}"));
            }
            Some((room, row))
                if (room, row.sender, &row.content)
                    != (sent.room.uuid(), sent.sender.uuid(), &sent.content) =>
            {
                verdict.other += 1;
                verdict.tell(format!("stored otherwise than sent: {row:?}, {sent:?}"));
            }
            _ => {}
        }
    }
    for (id, _) in rows {
        verdict.other += 1;
        verdict.tell(format!("stored, but nobody sent it: {id}"));
    }
    numbers
}

/// Of one sender in one room: what was acknowledged before another was first emitted comes before it; and so does what
/// was emitted before on the same connection, if both were acknowledged at once.
fn order(sent: &[Sent], numbers: &HashMap<String, i64>, verdict: &mut Verdict) {
    let mut lanes: HashMap<_, Vec<(i64, &Sent)>> = HashMap::new();
    for sent in sent {
        if let (Some(_), Some(seq)) = (sent.acknowledged, numbers.get(&sent.client_id.to_string()))
        {
            lanes
                .entry((sent.sender, sent.room))
                .or_default()
                .push((*seq, sent));
        }
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|(seq, _)| *seq);
        let mut earliest_ack: Option<(u64, i64)> = None;
        let mut next_clean: HashMap<u64, (u64, i64)> = HashMap::new();
        // From the last to the first: nothing that has a greater number may have been safe, or clean, earlier.
        for (seq, sent) in lane.iter().rev() {
            let acknowledged = sent.acknowledged.unwrap_or(u64::MAX);
            if let Some((ack, later)) = earliest_ack
                && ack < sent.emitted
            {
                verdict.disorder += 1;
                verdict.tell(format!(
                    "disorder: {seq} was emitted after {later} was acknowledged: {sent:?}"
                ));
            }
            if earliest_ack.is_none_or(|(ack, _)| acknowledged < ack) {
                earliest_ack = Some((acknowledged, *seq));
            }
            let Some(connection) = sent.clean_on else {
                continue;
            };
            if let Some((emitted, later)) = next_clean.insert(connection, (sent.emitted, *seq))
                && emitted < sent.emitted
            {
                verdict.disorder += 1;
                verdict.tell(format!(
                    "disorder: {seq} was emitted after {later} on one connection: {sent:?}"
                ));
            }
        }
    }
}

/// A member saw every message of its rooms, under the number that it has, and no other.
fn seen(stored: &HashMap<Uuid, Vec<StoredMessage>>, view: &View, verdict: &mut Verdict) {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for problem in &view.problems {
        if problem.starts_with("doubled") {
            verdict.doubled += 1;
        } else if problem.starts_with("disorder") {
            verdict.disorder += 1;
        } else {
            verdict.other += 1;
        }
        *times.entry(problem).or_default() += 1;
    }
    for (problem, times) in times {
        verdict.tell(format!("{problem} ({times} times)"));
    }
    for (room, seen) in &view.rooms {
        let rows = stored.get(room).map_or(&[][..], Vec::as_slice);
        for row in rows {
            match seen.messages.get(&row.seq) {
                Some(id) if *id == row.id => {}
                Some(id) => {
                    verdict.other += 1;
                    verdict.tell(format!(
                        "seen otherwise than stored: {id} as {} of {room}, stored is {}",
                        row.seq, row.id
                    ));
                }
                None => {
                    verdict.not_seen += 1;
                    verdict.tell(format!("not seen by a member: {} of {room}", row.seq));
                }
            }
        }
        if seen.messages.len() > rows.len() {
            verdict.lost += seen.messages.len() - rows.len();
            verdict.tell(format!(
                "seen, but not stored any more: {room} has {} of {}",
                rows.len(),
                seen.messages.len()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ids::UserId;

    use super::*;
    use crate::view::Message;

    struct Case {
        room: RoomId,
        sender: UserId,
        sent: Vec<Sent>,
        rows: Vec<StoredMessage>,
    }

    /// Three messages, each acknowledged before the next is emitted.
    fn good() -> Case {
        let (room, sender) = (RoomId::now_v7(), UserId::now_v7());
        let sent: Vec<Sent> = (1..=3)
            .map(|number| Sent {
                room,
                sender,
                client_id: Uuid::from_u128(number),
                content: number.to_string(),
                emitted: u64::try_from(number).unwrap() * 10,
                acknowledged: Some(u64::try_from(number).unwrap() * 10 + 5),
                emissions: 1,
                clean_on: Some(1),
            })
            .collect();
        let rows = (1..)
            .zip(&sent)
            .map(|(seq, sent)| StoredMessage {
                seq,
                id: Uuid::from_u128(100 + u128::try_from(seq).unwrap()),
                sender: sender.uuid(),
                client_id: sent.client_id.to_string(),
                content: sent.content.clone(),
            })
            .collect();
        Case {
            room,
            sender,
            sent,
            rows,
        }
    }

    impl Case {
        fn view(&self) -> View {
            let mut view = View::of([self.room.uuid()]);
            for row in &self.rows {
                view.take(
                    &Message {
                        id: row.id,
                        room_id: self.room.uuid(),
                        seq: row.seq,
                        sender_id: row.sender,
                    },
                    false,
                );
            }
            view
        }

        fn check(&self, view: View) -> Verdict {
            check(
                &HashMap::from([(self.room.uuid(), self.rows.clone())]),
                &self.sent,
                &[view],
            )
        }
    }

    #[test]
    fn a_good_run_is_clean() {
        let case = good();
        let verdict = case.check(case.view());
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!(case.sent[0].sender, case.sender);
    }

    #[test]
    fn what_is_acknowledged_but_not_stored_is_lost() {
        let mut case = good();
        case.rows.pop();
        assert_eq!(case.check(case.view()).lost, 1);
    }

    #[test]
    fn what_is_stored_twice_is_doubled() {
        let mut case = good();
        let mut again = case.rows[0].clone();
        (again.seq, again.id) = (4, Uuid::from_u128(200));
        case.rows.push(again);
        assert_eq!(case.check(case.view()).doubled, 1);
    }

    #[test]
    fn a_number_that_is_missing_is_a_gap() {
        let mut case = good();
        case.rows[2].seq = 4;
        assert_eq!(case.check(case.view()).gaps, 1);
    }

    #[test]
    fn a_later_message_with_a_smaller_number_is_disorder() {
        let mut case = good();
        (case.rows[0].seq, case.rows[1].seq) = (2, 1);
        case.rows.sort_by_key(|row| row.seq);
        assert_eq!(
            case.check(case.view()).disorder,
            2,
            "by its ack and by its connection"
        );
        case.sent[1].clean_on = None;
        assert_eq!(case.check(case.view()).disorder, 1);
        // Emitted before the other was acknowledged: nothing was promised.
        case.sent[1].emitted = 14;
        assert_eq!(case.check(case.view()).disorder, 0);
    }

    #[test]
    fn what_comes_live_after_a_later_message_of_somebody_else_is_told() {
        let mut case = good();
        case.rows[2].sender = Uuid::nil();
        let mut view = View::of([case.room.uuid()]);
        for place in [0, 2, 1] {
            let row = &case.rows[place];
            let message = Message {
                id: row.id,
                room_id: case.room.uuid(),
                seq: row.seq,
                sender_id: row.sender,
            };
            view.take(&message, true);
        }
        let verdict = case.check(view);
        assert_eq!(verdict.overtaken_live, 1);
        assert!(!verdict.is_clean());
    }

    #[test]
    fn what_a_member_did_not_see_or_saw_otherwise_is_told() {
        let case = good();
        assert_eq!(case.check(View::of([case.room.uuid()])).not_seen, 3);
        let mut other = good();
        other.room = case.room;
        for row in &mut other.rows {
            row.id = Uuid::from_u128(7);
        }
        let mut view = View::of([case.room.uuid()]);
        view.take(
            &Message {
                id: Uuid::from_u128(7),
                room_id: case.room.uuid(),
                seq: 1,
                sender_id: case.sender.uuid(),
            },
            false,
        );
        let verdict = case.check(view);
        assert_eq!((verdict.other, verdict.not_seen), (1, 2));
    }
}
