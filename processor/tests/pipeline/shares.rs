//! How processors share the partitions, and that never two work on one room.

use chat_test_support::eventually;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chat_core::ids::{Id, RoomId};
use sqlx::Row;

use crate::stage::{Running, Stage, assert_in_order, on_stage, send};

/// Within this time a share has moved.
const MOVED_WITHIN: Duration = Duration::from_secs(5);

/// Notes which worker stored each message.
async fn note_workers(stage: &Stage) {
    for statement in [
        "CREATE TABLE stored_by (room_id uuid, seq bigint, worker text, at timestamptz DEFAULT clock_timestamp())",
        "CREATE FUNCTION note_worker() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO stored_by VALUES (NEW.room_id, NEW.seq, current_setting('application_name')); RETURN NEW; END $$",
        "CREATE TRIGGER note_worker AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION note_worker()",
    ] {
        sqlx::query(statement).execute(&stage.pool).await.unwrap();
    }
}

/// Who stored the messages of each room, in the order of their numbers, without repetitions.
async fn workers(stage: &Stage) -> BTreeMap<RoomId, Vec<String>> {
    let rows = sqlx::query("SELECT room_id, worker FROM stored_by ORDER BY room_id, seq")
        .fetch_all(&stage.pool)
        .await
        .unwrap();
    let mut workers: BTreeMap<RoomId, Vec<String>> = BTreeMap::new();
    for row in rows {
        let room = Id::from(row.get::<uuid::Uuid, _>("room_id"));
        let turns = workers.entry(room).or_default();
        let worker: String = row.get("worker");
        if turns.last() != Some(&worker) {
            turns.push(worker);
        }
    }
    workers
}

async fn owns(worker: &Running, partitions: i64) {
    eventually(&format!("the share is {partitions}"), async || {
        worker.worker.metrics.partitions.get() == partitions
    })
    .await;
}

#[tokio::test]
async fn shares_move_when_a_worker_joins_or_dies_and_never_two_work_on_one_room() {
    on_stage(4, async |stage| {
        note_workers(stage).await;
        let people = stage.users(1).await;
        let mut rooms = Vec::new();
        for number in 0..4 {
            rooms.push(stage.room_in(number, &people).await);
            rooms.push(stage.room_in(number, &people).await);
        }
        let publisher = stage.publisher().await;
        let first = stage.work("w1", stage.wiring());
        owns(&first, 4).await;

        let done = tokio_util::sync::CancellationToken::new();
        let sending = async {
            let mut number = 0;
            while !done.is_cancelled() {
                for room in &rooms {
                    let job = send(*room, people[0], &number.to_string());
                    publisher.publish(&job, None).await.unwrap();
                }
                number += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            number
        };
        let moving = async {
            eventually("work has begun", async || {
                stage.stored(rooms[7]).await.len() > 5
            })
            .await;
            let joined = Instant::now();
            let second = stage.work("w2", stage.wiring());
            owns(&second, 2).await;
            owns(&first, 2).await;
            let has_stored = async || {
                let turns = workers(stage).await;
                turns
                    .values()
                    .filter(|turns| turns.last().unwrap() == "w2")
                    .count()
                    == 4
            };
            eventually("the newcomer works on its half", has_stored).await;
            assert!(joined.elapsed() < MOVED_WITHIN, "{:?}", joined.elapsed());

            let died = Instant::now();
            second.kill().await;
            owns(&first, 4).await;
            let taken = async || {
                let turns = workers(stage).await;
                turns.values().all(|turns| turns.last().unwrap() == "w1")
            };
            eventually("the survivor works on all", taken).await;
            assert!(died.elapsed() < MOVED_WITHIN, "{:?}", died.elapsed());
            done.cancel();
        };
        let (sent, ()) = tokio::join!(sending, moving);

        for room in &rooms {
            let stored = stage.stored_all(*room, sent).await;
            assert_in_order(&stored);
            assert_eq!(stored.len(), sent);
        }
        for (room, turns) in workers(stage).await {
            assert!(
                turns == ["w1"] || turns == ["w1", "w2", "w1"],
                "two were at work on {room}: {turns:?}"
            );
        }
        first.finish().await;
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}
