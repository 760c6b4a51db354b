use std::time::{Duration, Instant};

use futures::StreamExt;

use crate::fixture::{message, with_queues};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore]
async fn speed() {
    with_queues(|c| c.partitions = 8, async |fixture| {
        let publisher = fixture.publisher().await;
        for flight in [1_usize, 16, 64, 512] {
            let n = 20_000.min(flight * 2000);
            let jobs: Vec<_> = (0..n).map(|i| message((i % 8) as u16, 8)).collect();
            let start = Instant::now();
            let mut lat: Vec<Duration> = futures::stream::iter(jobs)
                .map(|job| {
                    let publisher = publisher.clone();
                    tokio::spawn(async move {
                        let t = Instant::now();
                        publisher.publish(&job, None).await.unwrap();
                        t.elapsed()
                    })
                })
                .buffer_unordered(flight)
                .map(|r| r.unwrap())
                .collect()
                .await;
            lat.sort();
            println!("flight {flight}: {:.0}/s p50 {:?} p99 {:?}", n as f64 / start.elapsed().as_secs_f64(), lat[n / 2], lat[n * 99 / 100]);
        }
        // paced 500/s
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        let mut set = tokio::task::JoinSet::new();
        for i in 0..2500_u32 {
            tick.tick().await;
            let publisher = publisher.clone();
            let job = message((i % 8) as u16, 8);
            set.spawn(async move {
                let t = Instant::now();
                publisher.publish(&job, None).await.unwrap();
                t.elapsed()
            });
        }
        let mut lat = set.join_all().await;
        lat.sort();
        println!("500/s: p50 {:?} p99 {:?} max {:?}", lat[1250], lat[2475], lat[2499]);
        let start = Instant::now();
        let mut total = 0;
        let mut tasks = tokio::task::JoinSet::new();
        for p in 0..8 {
            let mut c = fixture.consumer(p, "c", 0, 200).await;
            tasks.spawn(async move {
                let mut n = 0_u32;
                let mut bytes = 0;
                while let Ok(Ok(d)) = tokio::time::timeout(Duration::from_secs(1), c.next()).await {
                    n += 1;
                    let mut last = d.tag;
                    bytes += d.body.len();
                    for _ in 0..99 {
                        let Some(Ok(d)) = c.next_ready() else { break };
                        last = d.tag;
                        n += 1;
                    }
                    c.ack_up_to(last).await.unwrap();
                }
                let _ = bytes;
                n
            });
        }
        while let Some(n) = tasks.join_next().await { total += n.unwrap(); }
        println!("drained {total}: {:.0}/s", f64::from(total) / (start.elapsed().as_secs_f64() - 1.0));
    })
    .await;
}
