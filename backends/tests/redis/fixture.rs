//! A handle on the tests' Redis. Tests share it: each uses ids of its own, and all keys end by themselves.

use std::time::Duration;

use chat_backends::config::RedisConfig;
use chat_backends::redis::Redis;
use redis::IntoConnectionInfo;

use crate::cuttable_link::CuttableLink;

/// Longest time that anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn url() -> String {
    std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| {
        panic!("set TEST_REDIS_URL to a Redis or Valkey that tests may use, redis://host:port/db")
    })
}

pub(crate) async fn redis() -> Redis {
    Redis::connect(&RedisConfig::from_url(url()).unwrap())
        .await
        .unwrap()
}

/// A connection for looking at keys behind the adapter's back.
pub(crate) async fn raw() -> redis::aio::MultiplexedConnection {
    redis::Client::open(url())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap()
}

/// The same Redis over a link that the test can cut.
pub(crate) async fn cuttable() -> (CuttableLink, Redis) {
    let info = url().into_connection_info().unwrap();
    let redis::ConnectionAddr::Tcp(host, port) = info.addr() else {
        panic!("TEST_REDIS_URL must be a TCP address");
    };
    let link = CuttableLink::to(host, *port).await;
    let config = RedisConfig::from_url(format!("redis://127.0.0.1:{}", link.port())).unwrap();
    (link, Redis::connect(&config).await.unwrap())
}

/// Asks until the answer is yes.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}
