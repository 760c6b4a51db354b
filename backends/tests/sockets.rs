//! The options of the sockets to RabbitMQ and Redis, as the kernel has them. A process of its own, so that all sockets of it
//! to these ports are the adapters'. Those to Postgres are not asked: sqlx 0.9.0 does not set TCP_NODELAY (its issue 4335),
//! and each statement is one write that waits for its answer, which nothing delays.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::os::fd::OwnedFd;

use chat_backends::config::{RabbitConfig, RedisConfig};
use chat_backends::rabbitmq::Broker;
use chat_backends::redis::Redis;
use chat_backends::redis::fanout_subscriber::FanoutSubscriber;
use chat_test_support::variable;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::SockRef;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

fn port(url: &str) -> u16 {
    let (_, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    authority.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// Of each socket of this process to `port`: whether TCP_NODELAY is set.
fn nodelay_to(port: u16) -> Vec<bool> {
    let own = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let number = entry
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        // The directory itself is closed by now.
        let Ok(copy) = pidfd_getfd(&own, number, PidfdGetfdFlags::empty()) else {
            continue;
        };
        let copy: OwnedFd = copy;
        let socket = SockRef::from(&copy);
        let peer = socket.peer_addr().ok().and_then(|peer| peer.as_socket());
        if peer.is_some_and(|peer| peer.port() == port) {
            found.push(socket.tcp_nodelay().unwrap());
        }
    }
    found
}

#[track_caller]
fn assert_nodelay(url: &str, least: usize) {
    let sockets = nodelay_to(port(url));
    assert!(sockets.len() >= least, "{sockets:?}");
    assert!(sockets.iter().all(|nodelay| *nodelay), "{sockets:?}");
}

#[tokio::test]
async fn the_sockets_to_rabbitmq_and_redis_send_small_writes_at_once() {
    let (rabbitmq, redis) = (variable("TEST_RABBITMQ_URL"), variable("TEST_REDIS_URL"));
    let config = RabbitConfig::from_url(rabbitmq.clone()).unwrap();
    let broker = Broker::connect(&config, "sockets").await.unwrap();
    let config = RedisConfig::from_url(redis.clone()).unwrap();
    let commands = Redis::connect(&config).await.unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let (subscriber, _events) = FanoutSubscriber::start(&commands, "sockets", &tasks, stop.clone());
    subscriber
        .subscribe(vec!["chat:test:sockets".to_owned()])
        .await
        .unwrap();
    assert_nodelay(&rabbitmq, 1);
    // One for commands, one that listens.
    assert_nodelay(&redis, 2);
    stop.cancel();
    broker.close().await;
}
