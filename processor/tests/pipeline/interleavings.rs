//! Sequencing and idempotency under random interleavings of crash, duplicate and delay, against a model.
//!
//! Jobs of a few rooms are done in batches by the real `execute`; a crash comes before the commit or after it.
//! `PIPELINE_SEED` repeats a run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chat_core::ids::JobId;
use chat_core::job::{Act, Job};
use chat_processor::context::{Context, Policy};
use chat_processor::execute::execute;

use crate::stage::{on_stage, send};

/// A small generator (splitmix64): the same seed gives the same run on every machine.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

fn client_msg_id(job: &Job) -> &str {
    match &job.act {
        Act::SendMessage(send) => &send.client_msg_id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn random_crashes_duplicates_and_delays_never_lose_double_or_gap() {
    let seed = std::env::var("PIPELINE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| {
            u64::from_be_bytes(JobId::random().uuid().as_bytes()[..8].try_into().unwrap())
        });
    eprintln!("PIPELINE_SEED={seed}");
    let mut chance = Chance(seed);
    on_stage(1, async |stage| {
        let people = stage.users(3).await;
        let mut rooms = Vec::new();
        for _ in 0..3 {
            rooms.push(stage.room(&people).await);
        }
        let context = Context {
            pg: stage.pool.clone(),
            redis: stage.redis.clone(),
            policy: Arc::new(Policy::default()),
        };
        // The queue as the broker keeps it: what is not acknowledged comes again, at its head and in its order.
        let mut queue: std::collections::VecDeque<Job> = std::collections::VecDeque::new();
        let mut late: Vec<Job> = Vec::new();
        let mut sent: Vec<Job> = Vec::new();
        let mut number = 0;
        while sent.len() < 300 || !queue.is_empty() || !late.is_empty() {
            // Clients send, resend under the same client id, and the broker holds some resends back.
            for _ in 0..chance.below(8) {
                if sent.len() < 300 {
                    let room = rooms[chance.below(rooms.len())];
                    let job = send(
                        room,
                        people[chance.below(people.len())],
                        &number.to_string(),
                    );
                    number += 1;
                    sent.push(job.clone());
                    queue.push_back(job);
                }
                if chance.one_in(4) && !sent.is_empty() {
                    let mut again = sent[chance.below(sent.len())].clone();
                    if chance.one_in(2) {
                        again.job_id = JobId::now_v7();
                    }
                    // A resend before its first try was taken in would be a first try.
                    late.push(again);
                }
            }
            if !late.is_empty() && (chance.one_in(3) || sent.len() >= 300) {
                let index = chance.below(late.len());
                queue.push_back(late.swap_remove(index));
            }
            let take = (1 + chance.below(10)).min(queue.len());
            if take == 0 {
                continue;
            }
            let batch: Vec<&Job> = queue.iter().take(take).collect();
            let mut transaction = stage.pool.begin().await.unwrap();
            let effects = execute(&context, &mut transaction, &batch).await.unwrap();
            assert_eq!(effects.len(), take);
            if chance.one_in(4) {
                transaction.rollback().await.unwrap();
                continue;
            }
            transaction.commit().await.unwrap();
            if chance.one_in(4) {
                // The acknowledgement got lost, wholly or after the first few.
                queue.drain(..chance.below(take + 1));
                continue;
            }
            queue.drain(..take);
        }

        let mut first: HashMap<&str, &Job> = HashMap::new();
        for job in &sent {
            first.entry(client_msg_id(job)).or_insert(job);
        }
        let mut seen = HashSet::new();
        for room in &rooms {
            let stored = stage.stored(*room).await;
            crate::stage::assert_in_order(&stored);
            for message in &stored {
                assert!(seen.insert(message.content.clone()), "doubled: {message:?}");
            }
            let expected = first
                .values()
                .filter(|job| job.room_id == Some(*room))
                .count();
            assert_eq!(stored.len(), expected, "seed {seed}: lost or invented");
        }
        assert_eq!(seen.len(), first.len(), "seed {seed}");
    })
    .await;
}
