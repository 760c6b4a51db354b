//! Fewer partitions than before, with jobs still in the old ones.

use chat_backends::rabbitmq::publisher::{PublishError, Refusal};
use chat_backends::rabbitmq::topology;

use crate::stage::{assert_in_order, on_stage, send};

#[tokio::test]
async fn half_the_partitions_lose_nothing_and_keep_each_senders_order() {
    on_stage(8, async |stage| {
        let people = stage.users(2).await;
        let mut rooms = Vec::new();
        for number in 0..8 {
            rooms.push(stage.room_in(number, &people).await);
        }
        let before = stage.publisher().await;
        for number in 0..30 {
            for room in &rooms {
                for person in &people {
                    let job = send(*room, *person, &number.to_string());
                    before.publish(&job, None).await.unwrap();
                }
            }
        }

        let mut lowered = stage.wiring();
        lowered.rabbit.partitions = 4;
        let after = stage
            .publisher_over(lowered.rabbit.clone(), stage.keys.clone())
            .await;
        let workers = [
            stage.work("w1", lowered.clone()),
            stage.work("w2", lowered.clone()),
        ];
        for number in 30..60 {
            for room in &rooms {
                for person in &people {
                    let job = send(*room, *person, &number.to_string());
                    after.publish(&job, None).await.unwrap();
                }
            }
        }
        for room in &rooms {
            let stored = stage.stored_all(*room, 120).await;
            assert_in_order(&stored);
            assert_eq!(stored.len(), 120);
        }
        let left = topology::leftover_partitions(&stage.broker, &lowered.rabbit).await;
        assert_eq!(left.unwrap(), []);
        // Whoever still publishes as before is refused and sends again; nothing is swallowed.
        let late = before.publish(&send(rooms[6], people[0], "60"), None).await;
        assert!(
            matches!(late, Err(PublishError::Refused(Refusal::Unroutable))),
            "{late:?}"
        );
        for worker in workers {
            worker.finish().await;
        }
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}
