use chat_backends::redis::ring::{self, CAPACITY, Entry};
use chat_core::ids::RoomId;
use chat_core::names;
use redis::AsyncCommands;

use crate::fixture::{raw, redis};

fn entry(seq: i64) -> Entry {
    Entry {
        seq,
        message: format!("message {seq}"),
    }
}

fn entries(range: std::ops::RangeInclusive<i64>) -> Vec<Entry> {
    range.map(entry).collect()
}

#[tokio::test]
async fn a_range_is_complete_exactly_if_every_number_is_there() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    let after = async |seq, head| ring::after(&redis, room, seq, head).await.unwrap();
    assert!(!after(0, 1).await.complete, "an unknown room");
    assert!(after(7, 7).await.complete, "nothing is missing");

    ring::append(&redis, room, &entries(1..=5)).await.unwrap();
    ring::append(&redis, room, &entries(8..=10)).await.unwrap();
    let whole = after(2, 5).await;
    assert!(whole.complete);
    assert_eq!(whole.entries, entries(3..=5));
    let holed = after(2, 10).await;
    assert!(!holed.complete);
    assert_eq!(holed.entries, entries(3..=5), "what comes before the hole");
    assert!(after(7, 10).await.complete);
    assert!(
        !after(8, 11).await.complete,
        "the head is not in the ring yet"
    );
}

#[tokio::test]
async fn appending_again_after_a_redelivery_doubles_nothing() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    for _ in 0..3 {
        ring::append(&redis, room, &entries(1..=4)).await.unwrap();
    }
    let range = ring::after(&redis, room, 0, 4).await.unwrap();
    assert_eq!(range.entries, entries(1..=4));
}

#[tokio::test]
async fn the_ring_keeps_its_capacity_whatever_the_batches_and_holes() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    let mut head = 0;
    for (hole, batch) in [
        (0, 150),
        (0, 100),
        (3, 1),
        (0, 1),
        (1000, 20),
        (0, 199),
        (50, 300),
    ] {
        head += hole;
        ring::append(&redis, room, &entries(head + 1..=head + batch))
            .await
            .unwrap();
        head += batch;
        // The messages, and the field that holds the head.
        let fields: i64 = raw().await.hlen(names::ring(room)).await.unwrap();
        assert!(fields <= CAPACITY + 1, "{fields} fields at {head}");
    }
    let range = ring::after(&redis, room, head - CAPACITY, head)
        .await
        .unwrap();
    assert!(range.complete);
    assert!(
        !ring::after(&redis, room, head - CAPACITY - 1, head)
            .await
            .unwrap()
            .complete
    );
}

#[tokio::test]
async fn an_older_batch_that_comes_late_fills_its_hole() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    ring::append(&redis, room, &entries(6..=10)).await.unwrap();
    ring::append(&redis, room, &entries(1..=5)).await.unwrap();
    assert!(ring::after(&redis, room, 0, 10).await.unwrap().complete);
}

#[tokio::test]
async fn an_edit_replaces_what_is_there_and_adds_nothing() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    ring::append(&redis, room, &entries(1..=3)).await.unwrap();
    let edited = Entry {
        seq: 2,
        message: "edited".to_owned(),
    };
    assert!(ring::replace(&redis, room, &edited).await.unwrap());
    assert!(!ring::replace(&redis, room, &entry(9)).await.unwrap());
    let range = ring::after(&redis, room, 0, 3).await.unwrap();
    assert_eq!(range.entries, [entry(1), edited, entry(3)]);
    ring::forget(&redis, room).await.unwrap();
    assert!(!ring::after(&redis, room, 0, 3).await.unwrap().complete);
}

#[tokio::test]
async fn a_message_too_large_for_the_ring_is_a_hole() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    let large = |seq| Entry {
        seq,
        message: "x".repeat(100_000),
    };
    ring::append(&redis, room, &[entry(1), large(2), entry(3)])
        .await
        .unwrap();
    let range = ring::after(&redis, room, 0, 3).await.unwrap();
    assert!(!range.complete);
    assert_eq!(range.entries, [entry(1)]);
    assert!(ring::after(&redis, room, 2, 3).await.unwrap().complete);
    // An edit that makes a message too large leaves a hole, too.
    ring::replace(&redis, room, &large(3)).await.unwrap();
    assert!(!ring::after(&redis, room, 2, 3).await.unwrap().complete);
}
