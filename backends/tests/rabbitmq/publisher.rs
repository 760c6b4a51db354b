use chat_test_support::eventually;
use std::time::{Duration, Instant};

use chat_backends::rabbitmq::depth::DepthProbe;
use chat_backends::rabbitmq::publisher::{PublishError, Refusal};
use chat_core::ids::RoomId;
use chat_core::job::Act;
use chat_core::protocol::objects::PresenceStatus;
use futures::future;

use crate::fixture::{Fixture, job_of, message, with_queues};

async fn ready(fixture: &Fixture) -> u64 {
    DepthProbe::default()
        .sample(&fixture.broker, &fixture.config)
        .await
        .unwrap()
        .high
        .ready
}

#[tokio::test]
async fn a_published_job_is_on_the_broker_signed_and_with_its_headers() {
    with_queues(
        |_| {},
        async |fixture| {
            let publisher = fixture.publisher().await;
            let job = message(0, 1);
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            publisher.publish(&job, Some(trace)).await.unwrap();
            assert_eq!(
                ready(fixture).await,
                1,
                "it was confirmed before it was stored"
            );

            let mut consumer = fixture.consumer(0, "c", 0, 10).await;
            let delivery = consumer.next().await.unwrap();
            assert_eq!(delivery.job(&fixture.keys).unwrap(), job);
            assert_eq!(delivery.message_id, Some(job.job_id.to_string()));
            assert_eq!(delivery.routing_key, "high.0");
            assert_eq!(delivery.priority, 9);
            assert_eq!(delivery.attempt, 0);
            assert_eq!(delivery.traceparent.as_deref(), Some(trace));
            assert!(!delivery.redelivered);
        },
    )
    .await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_keeps_exactly_what_it_confirmed() {
    with_queues(
        |config| config.max_length = 5,
        async |fixture| {
            let publisher = fixture.publisher().await;
            let mut confirmed = 0;
            let mut refused = 0;
            for _ in 0..40 {
                match publisher.publish(&message(0, 1), None).await {
                    Ok(()) => confirmed += 1,
                    Err(PublishError::Refused(Refusal::QueueFull)) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(
                confirmed >= 5 && refused >= 20,
                "{confirmed} confirmed, {refused} refused"
            );
            assert_eq!(ready(fixture).await, confirmed);
        },
    )
    .await;
}

#[tokio::test]
async fn unroutable_jobs_are_refused_and_never_their_neighbours_in_flight() {
    with_queues(
        |config| config.partitions = 4,
        async |fixture| {
            let publisher = fixture.publisher().await;
            fixture.delete_queue(&fixture.queue(2)).await;
            let jobs: Vec<_> = (0..2000_u16).map(|n| message(n % 4, 4)).collect();
            let results =
                future::join_all(jobs.iter().map(|job| publisher.publish(job, None))).await;
            for (n, result) in results.iter().enumerate() {
                match result {
                    Ok(()) => assert_ne!(n % 4, 2, "job {n} has no queue and was confirmed"),
                    Err(PublishError::Refused(Refusal::Unroutable)) => {
                        assert_eq!(n % 4, 2, "job {n} has a queue and was called unroutable");
                    }
                    Err(error) => panic!("job {n}: {error}"),
                }
            }
            // Back, so that counting and cleaning up find it.
            chat_backends::rabbitmq::topology::declare(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            assert_eq!(ready(fixture).await, 1500);
        },
    )
    .await;
}

#[tokio::test]
async fn jobs_reach_the_queue_in_the_order_of_their_publishing() {
    with_queues(
        |_| {},
        async |fixture| {
            let publisher = fixture.publisher().await;
            let jobs: Vec<_> = (0..500).map(|_| message(0, 1)).collect();
            let results =
                future::join_all(jobs.iter().map(|job| publisher.publish(job, None))).await;
            assert!(results.iter().all(Result::is_ok));
            let mut consumer = fixture.consumer(0, "c", 0, 1000).await;
            for job in &jobs {
                let delivery = consumer.next().await.unwrap();
                assert_eq!(delivery.message_id, Some(job.job_id.to_string()));
            }
        },
    )
    .await;
}

#[tokio::test]
async fn more_jobs_than_may_be_in_flight_keep_their_order() {
    with_queues(
        |_| {},
        async |fixture| {
            let publisher = fixture.publisher().await;
            let jobs: Vec<_> = (0..5000).map(|_| message(0, 1)).collect();
            // Polled once each, in order, as a gateway does; awaited in any order.
            let mut publishing: Vec<_> = jobs
                .iter()
                .map(|job| Box::pin(publisher.publish(job, None)))
                .collect();
            for first_poll in &mut publishing {
                drop(future::FutureExt::now_or_never(first_poll));
            }
            publishing.reverse();
            let results = future::join_all(publishing).await;
            assert!(
                results.iter().all(Result::is_ok),
                "{:?}",
                results.iter().find(|r| r.is_err())
            );
            let mut consumer = fixture.consumer(0, "c", 0, 2000).await;
            for job in &jobs {
                let delivery = consumer.next().await.unwrap();
                assert_eq!(delivery.message_id, Some(job.job_id.to_string()));
                consumer.ack(delivery.tag).await.unwrap();
            }
        },
    )
    .await;
}

#[tokio::test]
async fn presence_goes_to_the_low_queue_without_a_confirm() {
    with_queues(
        |_| {},
        async |fixture| {
            let publisher = fixture.publisher().await;
            let act = Act::SetPresence {
                status: PresenceStatus::Away,
                activity: None,
                chosen: true,
            };
            publisher
                .publish(&job_of(RoomId::now_v7(), act), None)
                .await
                .unwrap();
            let mut probe = DepthProbe::default();
            eventually("the job is on the low queue", async || {
                let depths = probe
                    .sample(&fixture.broker, &fixture.config)
                    .await
                    .unwrap();
                depths.low.ready == 1
            })
            .await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_lost_broker_fails_fast_and_is_used_again_within_five_seconds() {
    with_queues(
        |_| {},
        async |fixture| {
            let (link, config) = fixture.cuttable().await;
            let publisher = fixture.publisher_over(config).await;
            publisher.publish(&message(0, 1), None).await.unwrap();

            link.cut();
            eventually("the publisher knows", async || !publisher.is_healthy()).await;
            let start = Instant::now();
            let refused = publisher.publish(&message(0, 1), None).await;
            assert!(
                matches!(refused, Err(PublishError::Unavailable)),
                "{refused:?}"
            );
            assert!(
                start.elapsed() < Duration::from_millis(50),
                "{:?}",
                start.elapsed()
            );

            // Long enough for the pauses between attempts to grow to their longest.
            tokio::time::sleep(Duration::from_secs(4)).await;
            link.heal();
            let healed = Instant::now();
            eventually("the publisher is back", async || publisher.is_healthy()).await;
            publisher.publish(&message(0, 1), None).await.unwrap();
            assert!(
                healed.elapsed() < Duration::from_secs(5),
                "{:?}",
                healed.elapsed()
            );
            assert_eq!(ready(fixture).await, 2);
        },
    )
    .await;
}

#[tokio::test]
async fn a_silent_broker_is_answered_within_a_second_and_given_up() {
    with_queues(
        |_| {},
        async |fixture| {
            let (link, config) = fixture.cuttable().await;
            let publisher = fixture.publisher_over(config).await;
            publisher.publish(&message(0, 1), None).await.unwrap();

            link.freeze();
            let start = Instant::now();
            let results = future::join_all(
                (0..50).map(async |_| publisher.publish(&message(0, 1), None).await),
            )
            .await;
            assert!(
                start.elapsed() < Duration::from_secs(1),
                "{:?}",
                start.elapsed()
            );
            assert!(
                results
                    .iter()
                    .all(|r| matches!(r, Err(PublishError::Timeout))),
                "{results:?}"
            );
            eventually("the connection is given up", async || {
                !publisher.is_healthy()
            })
            .await;
            link.heal();
            eventually("the publisher is back", async || publisher.is_healthy()).await;
            publisher.publish(&message(0, 1), None).await.unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn jobs_in_flight_when_the_connection_breaks_are_never_called_confirmed() {
    with_queues(
        |_| {},
        async |fixture| {
            let (link, config) = fixture.cuttable().await;
            let publisher = fixture.publisher_over(config).await;
            let mut confirmed = 0;
            for _ in 0..5 {
                let jobs: Vec<_> = (0..400).map(|_| message(0, 1)).collect();
                let sending = future::join_all(jobs.iter().map(|job| publisher.publish(job, None)));
                let cutting = async {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    link.cut();
                };
                let (results, ()) = future::join(sending, cutting).await;
                confirmed += results.iter().filter(|result| result.is_ok()).count();
                link.heal();
                eventually("the publisher is back", async || publisher.is_healthy()).await;
            }
            let stored = ready(fixture).await;
            assert!(
                stored >= confirmed as u64,
                "{confirmed} jobs were confirmed, {stored} are stored"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_shutdown_confirms_what_callers_wait_for() {
    with_queues(
        |_| {},
        async |fixture| {
            let publisher = fixture.publisher().await;
            let jobs: Vec<_> = (0..100).map(|_| message(0, 1)).collect();
            let sending = future::join_all(jobs.iter().map(|job| publisher.publish(job, None)));
            let (results, ()) = future::join(sending, async { fixture.shutdown.cancel() }).await;
            let confirmed = results.iter().filter(|result| result.is_ok()).count();
            assert_eq!(ready(fixture).await, confirmed as u64);
            assert_eq!(confirmed, 100);
        },
    )
    .await;
}
