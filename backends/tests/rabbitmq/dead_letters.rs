use chat_backends::rabbitmq::dead_letter::{DeadLetterDesk, DeadLetters, Death};
use chat_backends::rabbitmq::depth::DepthProbe;
use chat_core::job::Job;
use chat_core::time::Timestamp;

use crate::fixture::{Fixture, message, with_queues};

fn death(reason: &str) -> Death {
    Death {
        reason: reason.to_owned(),
        attempts: 4,
        first_failed: Timestamp::from_unix_millis(1_700_000_000_000).unwrap(),
        last_failed: Timestamp::from_unix_millis(1_700_000_031_000).unwrap(),
    }
}

/// Publishes jobs, consumes them and buries them.
async fn bury(fixture: &Fixture, count: usize) -> Vec<Job> {
    let publisher = fixture.publisher().await;
    let letters = DeadLetters::open(&fixture.broker, &fixture.config)
        .await
        .unwrap();
    let mut consumer = fixture.consumer(0, "c", 0, 100).await;
    let mut jobs = Vec::new();
    for n in 0..count {
        let job = message(0, 1);
        publisher
            .publish(
                &job,
                Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            )
            .await
            .unwrap();
        let delivery = consumer.next().await.unwrap();
        letters
            .bury(&delivery, &death(&format!("reason {n}")))
            .await
            .unwrap();
        consumer.ack(delivery.tag).await.unwrap();
        jobs.push(job);
    }
    consumer.close().await;
    jobs
}

async fn depths(fixture: &Fixture) -> (u64, u64) {
    let depths = DepthProbe::default()
        .sample(&fixture.broker, &fixture.config)
        .await
        .unwrap();
    (depths.high.ready, depths.dead.ready)
}

#[tokio::test]
async fn looking_at_dead_letters_changes_neither_their_number_nor_their_order() {
    with_queues(
        |_| {},
        async |fixture| {
            let jobs = bury(fixture, 5).await;
            let desk = DeadLetterDesk::open(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            for _ in 0..30 {
                let letters = desk.list(3).await.unwrap();
                let ids: Vec<_> = letters
                    .iter()
                    .map(|letter| letter.delivery.message_id.clone().unwrap())
                    .collect();
                let expected: Vec<_> = jobs[..3].iter().map(|job| job.job_id.to_string()).collect();
                assert_eq!(ids, expected);
            }
            let letter = desk
                .show(&jobs[3].job_id.to_string(), 100)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(letter.reason, "reason 3");
            assert_eq!(letter.attempts, 4);
            assert_eq!(letter.routing_key, "high.0");
            assert_eq!(
                letter.first_failed.as_deref(),
                Some("2023-11-14T22:13:20.000Z")
            );
            assert_eq!(
                letter.last_failed.as_deref(),
                Some("2023-11-14T22:13:51.000Z")
            );
            assert_eq!(letter.delivery.job(&fixture.keys).unwrap(), jobs[3]);
            assert!(desk.show("no such job", 100).await.unwrap().is_none());
            assert_eq!(depths(fixture).await, (0, 5));
        },
    )
    .await;
}

#[tokio::test]
async fn a_replay_sends_the_jobs_back_as_they_were_and_a_second_one_sends_nothing() {
    with_queues(
        |_| {},
        async |fixture| {
            let jobs = bury(fixture, 4).await;
            let desk = DeadLetterDesk::open(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            let one = jobs[2].job_id.to_string();
            let report = desk.replay(Some(&one), 100).await.unwrap();
            assert_eq!(report.replayed, std::slice::from_ref(&one));
            assert_eq!(report.stopped, None);
            assert_eq!(depths(fixture).await, (1, 3));
            assert!(
                desk.replay(Some(&one), 100)
                    .await
                    .unwrap()
                    .replayed
                    .is_empty()
            );

            assert_eq!(desk.replay(None, 100).await.unwrap().replayed.len(), 3);
            assert_eq!(desk.replay(None, 100).await.unwrap().replayed.len(), 0);
            assert_eq!(depths(fixture).await, (4, 0));

            let mut consumer = fixture.consumer(0, "c", 0, 10).await;
            for job in [&jobs[2], &jobs[0], &jobs[1], &jobs[3]] {
                let delivery = consumer.next().await.unwrap();
                assert_eq!(&delivery.job(&fixture.keys).unwrap(), job);
                assert_eq!(delivery.attempt, 0);
                assert!(delivery.traceparent.is_some());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_replay_that_no_queue_takes_keeps_the_letters() {
    with_queues(
        |config| config.partitions = 2,
        async |fixture| {
            let publisher = fixture.publisher().await;
            let letters = DeadLetters::open(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            let mut consumer = fixture.consumer(1, "c", 0, 10).await;
            publisher.publish(&message(1, 2), None).await.unwrap();
            let delivery = consumer.next().await.unwrap();
            letters.bury(&delivery, &death("no")).await.unwrap();
            consumer.ack(delivery.tag).await.unwrap();
            consumer.close().await;
            fixture.delete_queue(&fixture.queue(1)).await;

            let desk = DeadLetterDesk::open(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            let report = desk.replay(None, 100).await.unwrap();
            assert!(report.replayed.is_empty());
            assert!(report.stopped.is_some());
            assert_eq!(desk.list(10).await.unwrap().len(), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn letters_are_removed_one_by_one_or_all_at_once() {
    with_queues(
        |_| {},
        async |fixture| {
            let jobs = bury(fixture, 4).await;
            let desk = DeadLetterDesk::open(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            let id = jobs[1].job_id.to_string();
            assert!(desk.remove(&id, 100).await.unwrap());
            assert!(!desk.remove(&id, 100).await.unwrap());
            assert_eq!(depths(fixture).await, (0, 3));
            assert_eq!(desk.purge().await.unwrap(), 3);
            assert_eq!(desk.purge().await.unwrap(), 0);
        },
    )
    .await;
}

#[tokio::test]
async fn the_letters_reason_is_bounded() {
    with_queues(
        |_| {},
        async |fixture| {
            let publisher = fixture.publisher().await;
            let letters = DeadLetters::open(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            let mut consumer = fixture.consumer(0, "c", 0, 10).await;
            publisher.publish(&message(0, 1), None).await.unwrap();
            let delivery = consumer.next().await.unwrap();
            letters
                .bury(&delivery, &death(&"x".repeat(100_000)))
                .await
                .unwrap();
            let desk = DeadLetterDesk::open(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            assert_eq!(desk.list(1).await.unwrap()[0].reason.len(), 500);
        },
    )
    .await;
}
