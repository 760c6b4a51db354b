use std::time::Duration;

use chat_backends::rabbitmq::event_log::{Entry, EventLog};
use chat_backends::rabbitmq::log_reader::{From, LogReader, Logged};
use chat_core::time::Timestamp;
use chat_test_support::PATIENCE;
use futures::future::join_all;

use crate::fixture::{Fixture, with_queues};

fn entry(n: u32) -> Entry {
    Entry {
        event_id: format!("event-{n}"),
        event_type: "message.created",
        traceparent: None,
        body: n.to_string().into_bytes(),
    }
}

async fn append(fixture: &Fixture, range: std::ops::Range<u32>) {
    let log = EventLog::open(&fixture.broker, &fixture.config)
        .await
        .unwrap();
    let entries = range.map(entry).collect();
    log.append(&entries).await.unwrap();
}

async fn reader(fixture: &Fixture, from: From) -> LogReader {
    LogReader::attach(&fixture.broker, &fixture.config, "reader", from, 50)
        .await
        .unwrap()
}

async fn read(reader: &mut LogReader, count: usize) -> Vec<Logged> {
    let mut entries = Vec::new();
    while entries.len() < count {
        let most = 20.min(count - entries.len());
        let next = reader.next_batch(most, Duration::from_millis(50));
        let batch = tokio::time::timeout(PATIENCE, next)
            .await
            .expect("entries come")
            .unwrap();
        assert!(!batch.is_empty() && batch.len() <= most);
        reader.release().await.unwrap();
        entries.extend(batch);
    }
    entries
}

fn bodies(entries: &[Logged]) -> Vec<u32> {
    entries
        .iter()
        .map(|entry| std::str::from_utf8(&entry.body).unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn entries_stay_in_the_log_in_order_for_every_reader() {
    with_queues(
        |_| {},
        async |fixture| {
            append(fixture, 0..700).await;
            append(fixture, 700..1200).await;
            append(fixture, 0..0).await;
            for _ in 0..2 {
                let entries = read(&mut reader(fixture, From::Offset(0)).await, 1200).await;
                assert_eq!(bodies(&entries), (0..1200).collect::<Vec<_>>());
                assert!(entries.is_sorted_by(|a, b| a.offset < b.offset));
            }
        },
    )
    .await;
}

#[tokio::test]
async fn many_append_at_once_each_in_its_order_and_one_who_gives_up_stops_nobody() {
    with_queues(
        |_| {},
        async |fixture| {
            let log = EventLog::open(&fixture.broker, &fixture.config)
                .await
                .unwrap();
            // The first to come gives up before the broker has confirmed anything, perhaps within a message.
            let quitter = (0..3000).map(entry).collect();
            let quitting = tokio::time::timeout(Duration::from_millis(1), log.append(&quitter));
            let many = (1..=20).map(async |who| {
                for turn in 0..10 {
                    let first = who * 10_000 + turn * 5;
                    let entries = (first..first + 5).map(entry).collect();
                    log.append(&entries).await.unwrap();
                }
            });
            let (given_up, _) = tokio::join!(quitting, join_all(many));
            assert!(given_up.is_err());
            let all = bodies(&read(&mut reader(fixture, From::Offset(0)).await, 4000).await);
            assert_eq!(all[..3000], (0..3000).collect::<Vec<_>>());
            for who in 1..=20 {
                let own = all[3000..].iter().filter(|n| **n / 10_000 == who);
                let first = who * 10_000;
                assert!(own.copied().eq(first..first + 50));
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_reader_goes_on_exactly_where_it_was() {
    with_queues(
        |_| {},
        async |fixture| {
            append(fixture, 0..300).await;
            let first = read(&mut reader(fixture, From::Offset(0)).await, 123).await;
            append(fixture, 300..400).await;
            let place = From::Offset(first[122].offset + 1);
            let rest = read(&mut reader(fixture, place).await, 277).await;
            assert_eq!(bodies(&rest), (123..400).collect::<Vec<_>>());
            let place = From::Offset(first[50].offset);
            let replayed = read(&mut reader(fixture, place).await, 10).await;
            assert_eq!(bodies(&replayed), (50..60).collect::<Vec<_>>());
        },
    )
    .await;
}

#[tokio::test]
async fn a_reader_from_a_time_misses_nothing_since() {
    with_queues(
        |_| {},
        async |fixture| {
            append(fixture, 0..20).await;
            let minute_ago = Timestamp::now().unix_millis() - 60_000;
            let from = From::Time(Timestamp::from_unix_millis(minute_ago).unwrap());
            let all = read(&mut reader(fixture, from).await, 20).await;
            assert_eq!(bodies(&all), (0..20).collect::<Vec<_>>());
        },
    )
    .await;
}

#[tokio::test]
async fn a_reader_who_gives_up_waiting_for_more_misses_nothing() {
    with_queues(
        |_| {},
        async |fixture| {
            let mut reader = reader(fixture, From::Offset(0)).await;
            append(fixture, 0..5).await;
            // Long enough for some to come, too short for the batch to be full.
            let filling = reader.next_batch(20, PATIENCE);
            let given_up = tokio::time::timeout(Duration::from_secs(1), filling).await;
            assert!(given_up.is_err());
            append(fixture, 5..10).await;
            assert_eq!(
                bodies(&read(&mut reader, 10).await),
                (0..10).collect::<Vec<_>>()
            );
        },
    )
    .await;
}
