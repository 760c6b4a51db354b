use chat_backends::rabbitmq::depth::{Depth, DepthProbe};
use chat_backends::rabbitmq::topology;
use chat_core::names::Queue;

use crate::fixture::{message, with_queues};

#[tokio::test]
async fn the_depth_of_a_logical_queue_is_the_sum_of_its_partitions() {
    with_queues(
        |config| config.partitions = 3,
        async |fixture| {
            let publisher = fixture.publisher().await;
            for partition in [0, 0, 1, 2, 2, 2] {
                publisher
                    .publish(&message(partition, 3), None)
                    .await
                    .unwrap();
            }
            let _consumer = fixture.consumer(1, "c", 0, 10).await;
            let mut probe = DepthProbe::default();
            chat_test_support::eventually("ready and consumers are counted", async || {
                let depths = probe
                    .sample(&fixture.broker, &fixture.config)
                    .await
                    .unwrap();
                // One of partition 1 is with its consumer.
                depths.high
                    == Depth {
                        ready: 5,
                        consumers: 1,
                    }
                    && depths.medium == Depth::default()
                    && depths.dead == Depth::default()
            })
            .await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_missing_queue_is_an_error_and_not_a_zero_and_the_probe_recovers() {
    with_queues(
        |config| config.partitions = 2,
        async |fixture| {
            let mut probe = DepthProbe::default();
            probe
                .sample(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            fixture
                .delete_queue(&fixture.config.names.partition(Queue::Medium, 1))
                .await;
            assert!(
                probe
                    .sample(&fixture.broker, &fixture.config)
                    .await
                    .is_err()
            );
            topology::declare(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            assert!(probe.sample(&fixture.broker, &fixture.config).await.is_ok());
        },
    )
    .await;
}

#[tokio::test]
async fn declaring_with_another_bound_keeps_the_queue_and_what_is_in_it() {
    with_queues(
        |_| {},
        async |fixture| {
            let publisher = fixture.publisher().await;
            publisher.publish(&message(0, 1), None).await.unwrap();
            let mut other = fixture.config.clone();
            other.max_length = 7;
            topology::declare(&fixture.broker, &other).await.unwrap();
            let depths = DepthProbe::default()
                .sample(&fixture.broker, &other)
                .await
                .unwrap();
            assert_eq!(depths.high.ready, 1);
        },
    )
    .await;
}

#[tokio::test]
async fn partitions_of_an_earlier_larger_number_are_found() {
    with_queues(
        |config| config.partitions = 4,
        async |fixture| {
            let mut fewer = fixture.config.clone();
            fewer.partitions = 2;
            let left = topology::leftover_partitions(&fixture.broker, &fewer)
                .await
                .unwrap();
            let expected = [
                (Queue::High, 2),
                (Queue::High, 3),
                (Queue::Medium, 2),
                (Queue::Medium, 3),
            ];
            assert_eq!(left, expected);
            let left = topology::leftover_partitions(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            assert!(left.is_empty());
        },
    )
    .await;
}
