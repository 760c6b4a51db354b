//! A handle on the tests' Redis. Tests share it: each uses ids of its own, and all keys end by themselves.

use chat_backends::config::RedisConfig;
use chat_backends::redis::Redis;
use chat_test_support::cuttable_link::CuttableLink;
use chat_test_support::variable;
use redis::IntoConnectionInfo;

pub(crate) async fn redis() -> Redis {
    Redis::connect(&RedisConfig::from_url(variable("TEST_REDIS_URL")).unwrap())
        .await
        .unwrap()
}

/// A connection for looking at keys behind the adapter's back.
pub(crate) async fn raw() -> redis::aio::MultiplexedConnection {
    redis::Client::open(variable("TEST_REDIS_URL"))
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap()
}

/// The same Redis over a link that the test can cut.
pub(crate) async fn cuttable() -> (CuttableLink, Redis) {
    let info = variable("TEST_REDIS_URL").into_connection_info().unwrap();
    let redis::ConnectionAddr::Tcp(host, port) = info.addr() else {
        panic!("TEST_REDIS_URL must be a TCP address");
    };
    let link = CuttableLink::to(host, *port).await;
    let config = RedisConfig::from_url(format!("redis://127.0.0.1:{}", link.port())).unwrap();
    (link, Redis::connect(&config).await.unwrap())
}
