use chat_test_support::eventually;
use std::time::{Duration, Instant};

use crate::fixture::cuttable;

#[tokio::test]
async fn commands_fail_within_bounds_while_redis_is_away_and_work_again_afterwards() {
    let (link, redis) = cuttable().await;
    redis.ping().await.unwrap();
    for outage in ["cut", "frozen"] {
        if outage == "cut" {
            link.cut();
        } else {
            link.freeze();
        }
        for _ in 0..3 {
            let start = Instant::now();
            assert!(redis.ping().await.is_err(), "{outage}");
            assert!(
                start.elapsed() < Duration::from_secs(4),
                "{outage}: {:?}",
                start.elapsed()
            );
        }
        link.heal();
        let healed = Instant::now();
        eventually("Redis is used again", async || redis.ping().await.is_ok()).await;
        assert!(
            healed.elapsed() < Duration::from_secs(5),
            "{outage}: {:?}",
            healed.elapsed()
        );
    }
}
