use chat_test_support::{PATIENCE, eventually};
use std::time::Duration;

use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::consumer::{Consumer, ConsumerEnd};
use chat_backends::rabbitmq::delivery::Delivery;
use chat_core::job::Job;

use crate::fixture::{Fixture, message, with_queues};

/// Long enough for the broker to deliver what it means to deliver.
const SETTLE: Duration = Duration::from_millis(300);

async fn publish(fixture: &Fixture, count: usize) -> Vec<Job> {
    let publisher = fixture.publisher().await;
    let jobs: Vec<_> = (0..count).map(|_| message(0, 1)).collect();
    for job in &jobs {
        publisher.publish(job, None).await.unwrap();
    }
    jobs
}

async fn take(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let delivery = tokio::time::timeout(PATIENCE, consumer.next())
            .await
            .expect("a delivery comes")
            .unwrap();
        taken.push(delivery);
    }
    taken
}

async fn gets_nothing(consumer: &mut Consumer) -> bool {
    tokio::time::timeout(SETTLE, consumer.next()).await.is_err()
}

fn ids(deliveries: &[Delivery]) -> Vec<String> {
    deliveries
        .iter()
        .map(|delivery| delivery.message_id.clone().unwrap())
        .collect()
}

fn job_ids(jobs: &[Job]) -> Vec<String> {
    jobs.iter().map(|job| job.job_id.to_string()).collect()
}

#[tokio::test]
async fn a_newcomer_of_higher_priority_takes_over_only_when_the_old_one_is_done() {
    with_queues(
        |_| {},
        async |fixture| {
            let jobs = publish(fixture, 10).await;
            let mut old = fixture.consumer(0, "old", 0, 4).await;
            let first = take(&mut old, 4).await;
            let mut new = fixture.consumer(0, "new", 10, 100).await;
            assert!(gets_nothing(&mut new).await, "two consumers worked at once");
            assert!(gets_nothing(&mut old).await);

            old.ack_up_to(first[3].tag).await.unwrap();
            let rest = take(&mut new, 6).await;
            assert_eq!(ids(&first), job_ids(&jobs[..4]));
            assert_eq!(ids(&rest), job_ids(&jobs[4..]));
            assert!(gets_nothing(&mut old).await, "the old one was served again");
            new.ack_up_to(rest[5].tag).await.unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn a_share_moves_by_priorities_alone_and_back() {
    with_queues(
        |_| {},
        async |fixture| {
            let mut owner = fixture.consumer(0, "a", 10, 100).await;
            let mut other = fixture.consumer(0, "b", 0, 100).await;
            for round in 0..4 {
                let jobs = publish(fixture, 3).await;
                let taken = take(&mut owner, 3).await;
                assert_eq!(ids(&taken), job_ids(&jobs), "round {round}");
                assert!(gets_nothing(&mut other).await, "round {round}");
                // The two learn of the change in any order.
                if round < 2 {
                    other.close().await;
                    other = fixture.consumer(0, "next", 10, 100).await;
                }
                owner.ack_up_to(taken[2].tag).await.unwrap();
                owner.close().await;
                owner = fixture.consumer(0, "former", 0, 100).await;
                if round >= 2 {
                    other.close().await;
                    other = fixture.consumer(0, "next", 10, 100).await;
                }
                std::mem::swap(&mut owner, &mut other);
            }
        },
    )
    .await;
}

#[tokio::test]
async fn stepping_down_hands_over_what_was_not_worked_on_in_order() {
    with_queues(
        |_| {},
        async |fixture| {
            let jobs = publish(fixture, 20).await;
            let mut a = fixture.consumer(0, "a", 10, 8).await;
            let mut b = fixture.consumer(0, "b", 5, 100).await;
            let taken = take(&mut a, 3).await;
            a.ack_up_to(taken[2].tag).await.unwrap();
            a.close().await;
            let mut a = fixture.consumer(0, "a", 0, 8).await;
            let rest = take(&mut b, 17).await;
            assert_eq!(ids(&rest), job_ids(&jobs[3..]));
            assert!(gets_nothing(&mut a).await);
        },
    )
    .await;
}

#[tokio::test]
async fn acknowledging_multiple_removes_all_up_to_the_tag_and_nothing_behind_it() {
    with_queues(
        |_| {},
        async |fixture| {
            let jobs = publish(fixture, 10).await;
            let mut consumer = fixture.consumer(0, "c", 0, 100).await;
            let taken = take(&mut consumer, 10).await;
            consumer.ack_up_to(taken[6].tag).await.unwrap();
            consumer.close().await;
            let mut next = fixture.consumer(0, "d", 0, 100).await;
            let again = take(&mut next, 3).await;
            assert_eq!(ids(&again), job_ids(&jobs[7..]));
            assert!(again.iter().all(|delivery| delivery.redelivered));
            assert!(gets_nothing(&mut next).await);
        },
    )
    .await;
}

#[tokio::test]
async fn a_killed_connection_ends_the_consumer_and_delivers_again_in_order() {
    with_queues(
        |_| {},
        async |fixture| {
            let jobs = publish(fixture, 20).await;
            let (link, config) = fixture.cuttable().await;
            let over_link = Broker::connect(&config, "doomed").await.unwrap();
            let mut doomed = fixture.consumer_over(&over_link, 0, "doomed", 10, 10).await;
            let taken = take(&mut doomed, 10).await;
            doomed.ack_up_to(taken[3].tag).await.unwrap();
            let mut heir = fixture.consumer(0, "heir", 0, 100).await;
            // The acknowledgement is only written to the socket; the cut must come after the broker has read it.
            let mut probe = chat_backends::rabbitmq::depth::DepthProbe::default();
            eventually(
                "the acknowledged ones are replaced by new deliveries",
                async || {
                    let depths = probe
                        .sample(&fixture.broker, &fixture.config)
                        .await
                        .unwrap();
                    depths.high.ready == 6
                },
            )
            .await;
            link.cut();
            let end = loop {
                if let Err(end) = tokio::time::timeout(PATIENCE, doomed.next()).await.unwrap() {
                    break end;
                }
            };
            assert!(matches!(end, ConsumerEnd::Lost(_)), "{end}");
            let rest = take(&mut heir, 16).await;
            assert_eq!(ids(&rest), job_ids(&jobs[4..]));
            assert!(rest[0].redelivered);
        },
    )
    .await;
}

#[tokio::test]
async fn a_deleted_queue_ends_the_consumer_as_cancelled() {
    with_queues(
        |config| config.partitions = 2,
        async |fixture| {
            let mut consumer = fixture.consumer(1, "c", 0, 10).await;
            fixture.delete_queue(&fixture.queue(1)).await;
            let end = tokio::time::timeout(PATIENCE, consumer.next())
                .await
                .expect("the consumer ends");
            assert!(matches!(end, Err(ConsumerEnd::Cancelled)), "{end:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_job_is_delivered_more_than_twenty_times_without_being_dropped() {
    with_queues(
        |_| {},
        async |fixture| {
            let jobs = publish(fixture, 1).await;
            for _ in 0..30 {
                let mut consumer = fixture.consumer(0, "crashing", 0, 10).await;
                let taken = take(&mut consumer, 1).await;
                assert_eq!(ids(&taken), job_ids(&jobs));
                consumer.close().await;
            }
        },
    )
    .await;
}
