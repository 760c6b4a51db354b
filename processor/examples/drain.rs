//! How fast one processor drains a backlog: `cargo run -p chat-processor --example drain -- [jobs] [rooms] [partitions]`,
//! 100,000 jobs over 200 rooms in 8 partitions by default, on the backends of the `TEST_*` variables.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that can't go on ends, and prints what it measured"
)]

#[allow(dead_code, reason = "shared with the tests, which ask it more")]
#[path = "../tests/pipeline/stage.rs"]
mod stage;

use std::time::{Duration, Instant};

use stage::{Stage, on_stage, send};

/// Jobs that are published at a time.
const PUBLISHED_AT_ONCE: usize = 1000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| {
        arguments
            .next()
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let (jobs, rooms, partitions) = (number(100_000), number(200), number(8));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(on_stage(
        u16::try_from(partitions).unwrap(),
        async |stage| {
            drain(stage, jobs, rooms).await;
        },
    ));
}

async fn drain(stage: &Stage, jobs: usize, rooms: usize) {
    let people = stage.users(5).await;
    let mut places = Vec::with_capacity(rooms);
    for _ in 0..rooms {
        places.push(stage.room(&people).await);
    }
    let publisher = stage.publisher().await;
    let backlog: Vec<_> = (0..jobs)
        .map(|number| {
            let text = format!("message {number} of a backlog, about as long as people write them");
            send(places[number % rooms], people[number % 5], &text)
        })
        .collect();
    let began = Instant::now();
    for part in backlog.chunks(PUBLISHED_AT_ONCE) {
        let confirms = part.iter().map(|job| publisher.publish(job, None));
        for confirmed in futures::future::join_all(confirms).await {
            confirmed.unwrap();
        }
    }
    report("published", jobs, began.elapsed());
    drop(backlog);

    let began = Instant::now();
    let worker = stage.work("drain", stage.wiring());
    let mut seen = 0;
    while seen < jobs {
        tokio::time::sleep(Duration::from_millis(100)).await;
        // The rooms' heads, not a count of the messages: asking must not cost what is measured.
        let sum: i64 = sqlx::query_scalar("SELECT sum(last_seq)::bigint FROM rooms")
            .fetch_one(&stage.pool)
            .await
            .unwrap();
        seen = usize::try_from(sum).unwrap();
    }
    report("drained", jobs, began.elapsed());
    worker.finish().await;
    let gaps: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM rooms r WHERE last_seq <> (SELECT count(*) FROM messages m WHERE m.room_id = r.room_id)",
    )
    .fetch_one(&stage.pool)
    .await
    .unwrap();
    println!("rooms whose numbers have gaps: {gaps}");
}

fn report(what: &str, jobs: usize, took: Duration) {
    let rate = jobs as f64 / took.as_secs_f64();
    println!(
        "{what} {jobs} in {:.2} s: {rate:.0} a second",
        took.as_secs_f64()
    );
}
