use std::time::{Duration, Instant};

use chat_backends::redis::rate_limit::{FixedWindow, TokenBucket, Verdict};
use chat_core::ids::UserId;
use chat_core::names;
use redis::AsyncCommands;

use crate::fixture::{raw, redis};

fn key(route: &str) -> String {
    names::throttle(&UserId::random().to_string(), route)
}

#[tokio::test]
async fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
    let redis = redis().await;
    let bucket = TokenBucket {
        burst: 300,
        per_second: 50.0,
    };
    let key = key("message");
    let start = Instant::now();
    let mut allowed = 0_u32;
    // It ends with a refusal, so that nothing was left when the time is taken.
    loop {
        if bucket.take(&redis, &key).await.unwrap().is_allowed() {
            allowed += 1;
        } else if start.elapsed() > Duration::from_secs(2) {
            break;
        }
    }
    let due = 300.0 + 50.0 * start.elapsed().as_secs_f64();
    let error = (f64::from(allowed) - due).abs() / due;
    assert!(error < 0.05, "{allowed} allowed, {due} due");
}

#[tokio::test]
async fn gateways_that_share_a_bucket_get_together_what_one_would() {
    let bucket = TokenBucket {
        burst: 100,
        per_second: 100.0,
    };
    let key = key("message");
    let start = Instant::now();
    let gateways = (0..3).map(|_| async {
        let redis = redis().await;
        let mut allowed = 0_u32;
        loop {
            if bucket.take(&redis, &key).await.unwrap().is_allowed() {
                allowed += 1;
            } else if start.elapsed() > Duration::from_secs(2) {
                return allowed;
            }
        }
    });
    let allowed: u32 = futures::future::join_all(gateways).await.iter().sum();
    let due = 100.0 + 100.0 * start.elapsed().as_secs_f64();
    let error = (f64::from(allowed) - due).abs() / due;
    assert!(error < 0.05, "{allowed} allowed, {due} due");
}

#[tokio::test]
async fn a_refusal_says_when_the_next_one_is_allowed_and_it_is() {
    let redis = redis().await;
    let bucket = TokenBucket {
        burst: 2,
        per_second: 10.0,
    };
    let key = key("message");
    for _ in 0..2 {
        assert_eq!(bucket.take(&redis, &key).await.unwrap(), Verdict::Allowed);
    }
    let Verdict::Limited { retry_after } = bucket.take(&redis, &key).await.unwrap() else {
        panic!("the burst was exceeded");
    };
    assert!(retry_after <= Duration::from_millis(100), "{retry_after:?}");
    tokio::time::sleep(retry_after).await;
    assert_eq!(bucket.take(&redis, &key).await.unwrap(), Verdict::Allowed);
    let ttl: i64 = raw().await.pttl(&key).await.unwrap();
    assert!((1..=2000).contains(&ttl), "an idle bucket lasts {ttl} ms");
}

#[tokio::test]
async fn a_window_refuses_beyond_its_limit_until_it_ends() {
    let redis = redis().await;
    let window = FixedWindow {
        limit: 3,
        window: Duration::from_millis(400),
    };
    let key = key("login");
    assert_eq!(window.peek(&redis, &key).await.unwrap(), Verdict::Allowed);
    for _ in 0..3 {
        assert_eq!(window.hit(&redis, &key).await.unwrap(), Verdict::Allowed);
    }
    // Looking and being refused must not make the window longer.
    for _ in 0..5 {
        assert!(!window.peek(&redis, &key).await.unwrap().is_allowed());
        assert!(!window.hit(&redis, &key).await.unwrap().is_allowed());
    }
    let Verdict::Limited { retry_after } = window.hit(&redis, &key).await.unwrap() else {
        panic!("the limit was exceeded");
    };
    assert!(retry_after <= window.window, "{retry_after:?}");
    tokio::time::sleep(retry_after + Duration::from_millis(20)).await;
    assert_eq!(window.hit(&redis, &key).await.unwrap(), Verdict::Allowed);
}
