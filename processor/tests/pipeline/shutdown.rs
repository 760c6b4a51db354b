//! Stopping in good order, and being killed.

use chat_backends::rabbitmq::publisher::Publisher;
use chat_core::job::Job;
use chat_test_support::eventually;

use crate::stage::{assert_in_order, on_stage, send};

const JOBS: usize = 1500;

/// In their order: a publisher takes no more than 2000 at a time, and those that wait may overtake each other.
async fn publish_all(publisher: &Publisher, jobs: &[Job]) {
    for part in jobs.chunks(1000) {
        let confirmed = part.iter().map(|job| publisher.publish(job, None));
        for result in futures::future::join_all(confirmed).await {
            result.unwrap();
        }
    }
}

#[tokio::test]
async fn a_graceful_stop_finishes_what_is_in_hand_and_tells_nothing_twice() {
    on_stage(2, async |stage| {
        let people = stage.users(1).await;
        let rooms = [
            stage.room_in(0, &people).await,
            stage.room_in(1, &people).await,
        ];
        let heard = stage.listen(&rooms, &[]).await;
        let publisher = stage.publisher().await;
        let jobs: Vec<_> = (0..JOBS)
            .flat_map(|number| rooms.map(|room| send(room, people[0], &number.to_string())))
            .collect();
        publish_all(&publisher, &jobs).await;
        let mut restarts = 0;
        while stage.stored(rooms[0]).await.len() < JOBS || stage.stored(rooms[1]).await.len() < JOBS
        {
            let before = stage.stored(rooms[0]).await.len() + stage.stored(rooms[1]).await.len();
            let worker = stage.work(&format!("w{restarts}"), stage.wiring());
            eventually("it works", async || {
                let rooms = [stage.stored(rooms[0]).await, stage.stored(rooms[1]).await];
                rooms.iter().map(Vec::len).sum::<usize>() > before
            })
            .await;
            worker.finish().await;
            restarts += 1;
        }
        assert!(restarts > 1, "the work was interrupted");
        for room in rooms {
            let stored = stage.stored(room).await;
            assert_in_order(&stored);
            assert_eq!(stored.len(), JOBS);
            eventually("all are heard", async || heard.seqs(room).len() >= JOBS).await;
            let last = i64::try_from(JOBS).unwrap();
            assert_eq!(heard.seqs(room), (1..=last).collect::<Vec<i64>>());
        }
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    on_stage(2, async |stage| {
        let people = stage.users(2).await;
        let room = stage.room(&people).await;
        let heard = stage.listen(&[room], &[]).await;
        let publisher = stage.publisher().await;
        let jobs: Vec<_> = (0..JOBS)
            .map(|number| send(room, people[number % 2], &number.to_string()))
            .collect();
        publish_all(&publisher, &jobs).await;
        for life in 0..5 {
            let before = stage.stored(room).await.len();
            if before >= JOBS {
                break;
            }
            let worker = stage.work(&format!("w{life}"), stage.wiring());
            eventually("it works", async || stage.stored(room).await.len() > before).await;
            worker.kill().await;
        }
        let survivor = stage.work("survivor", stage.wiring());
        let stored = stage.stored_all(room, JOBS).await;
        assert_in_order(&stored);
        assert_eq!(stored.len(), JOBS);
        eventually("every number is heard", async || {
            let mut seqs = heard.seqs(room);
            seqs.sort_unstable();
            seqs.dedup();
            seqs.len() == JOBS
        })
        .await;
        survivor.finish().await;
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}
