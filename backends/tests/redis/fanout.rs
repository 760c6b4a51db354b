use chat_test_support::{PATIENCE, eventually};
use std::time::{Duration, Instant};

use chat_backends::redis::Redis;
use chat_backends::redis::fanout_publisher::{Broadcast, publish};
use chat_backends::redis::fanout_subscriber::{FanoutEvent, FanoutSubscriber};
use chat_core::ids::{JobId, RoomId};
use chat_core::names;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::fixture::{cuttable, raw, redis};

struct Gateway {
    subscriber: FanoutSubscriber,
    events: Receiver<FanoutEvent>,
    id: String,
    tasks: TaskTracker,
    _shutdown: DropGuard,
}

fn gateway(redis: &Redis) -> Gateway {
    let tasks = TaskTracker::new();
    let shutdown = CancellationToken::new();
    let id = format!("test-{}", JobId::random());
    let (subscriber, events) = FanoutSubscriber::start(redis, &id, &tasks, shutdown.clone());
    Gateway {
        subscriber,
        events,
        id,
        tasks,
        _shutdown: shutdown.drop_guard(),
    }
}

impl Gateway {
    async fn next(&mut self) -> FanoutEvent {
        tokio::time::timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event comes")
            .unwrap()
    }

    async fn next_payload(&mut self) -> String {
        match self.next().await {
            FanoutEvent::Message { payload, .. } => String::from_utf8(payload).unwrap(),
            FanoutEvent::Missed => panic!("messages were missed"),
        }
    }
}

fn broadcast(channel: &str, payload: impl ToString) -> Broadcast {
    Broadcast {
        channel: channel.to_owned(),
        payload: payload.to_string(),
    }
}

#[tokio::test]
async fn a_subscriber_hears_its_channels_in_order_and_no_others() {
    let redis = redis().await;
    let mut gateway = gateway(&redis);
    let (mine, other) = (
        names::fanout_room(RoomId::now_v7()),
        names::fanout_room(RoomId::now_v7()),
    );
    gateway
        .subscriber
        .subscribe(vec![mine.clone()])
        .await
        .unwrap();
    let batch: Vec<_> = (0..1000)
        .flat_map(|n| [broadcast(&mine, n), broadcast(&other, "not yours")])
        .collect();
    assert_eq!(publish(&redis, &batch).await.unwrap(), 1000);
    for n in 0..1000 {
        assert_eq!(gateway.next_payload().await, n.to_string());
    }
    gateway.subscriber.unsubscribe(vec![mine.clone()]).await;
    eventually("nobody hears the channel any more", async || {
        publish(&redis, &[broadcast(&mine, "late")]).await.unwrap() == 0
    })
    .await;
}

#[tokio::test]
async fn what_is_published_after_a_confirmed_subscription_is_heard() {
    let redis = redis().await;
    let mut gateway = gateway(&redis);
    for _ in 0..200 {
        let channel = names::fanout_room(RoomId::now_v7());
        gateway
            .subscriber
            .subscribe(vec![channel.clone()])
            .await
            .unwrap();
        assert_eq!(
            publish(&redis, &[broadcast(&channel, "hi")]).await.unwrap(),
            1
        );
        assert_eq!(gateway.next_payload().await, "hi");
    }
}

/// Has the server close the connection that is subscribed to so many channels; what address it has there, depends on the network between.
async fn kill_subscriber_of(channels: usize, raw: &mut redis::aio::MultiplexedConnection) {
    let clients: String = redis::cmd("CLIENT")
        .arg("LIST")
        .query_async(raw)
        .await
        .unwrap();
    let id = clients
        .lines()
        .find(|client| client.contains(&format!(" sub={channels} ")))
        .and_then(|client| client.strip_prefix("id=")?.split(' ').next())
        .expect("the subscriber is a client");
    let killed: u64 = redis::cmd("CLIENT")
        .arg(&["KILL", "ID", id])
        .query_async(raw)
        .await
        .unwrap();
    assert_eq!(killed, 1);
}

#[tokio::test]
async fn a_killed_subscription_comes_back_with_all_channels_and_says_that_it_missed_something() {
    let redis = redis().await;
    let mut gateway = gateway(&redis);
    let channels: Vec<_> = (0..1500)
        .map(|_| names::fanout_room(RoomId::now_v7()))
        .collect();
    gateway
        .subscriber
        .subscribe(channels.clone())
        .await
        .unwrap();
    eventually("the path is proven", async || {
        gateway.subscriber.is_healthy()
    })
    .await;

    let mut raw = raw().await;
    kill_subscriber_of(channels.len() + 1, &mut raw).await;
    assert_eq!(gateway.next().await, FanoutEvent::Missed);
    for channel in [&channels[0], &channels[1499]] {
        // Over a connection of the test's own: the gateway's may not be back yet.
        let heard: u64 = redis::cmd("PUBLISH")
            .arg(channel)
            .arg("back")
            .query_async(&mut raw)
            .await
            .unwrap();
        assert_eq!(heard, 1);
        assert_eq!(gateway.next_payload().await, "back");
    }
    eventually("the path is proven again", async || {
        gateway.subscriber.is_healthy()
    })
    .await;
}

#[tokio::test]
async fn a_silent_redis_is_noticed_within_ten_seconds_and_subscriptions_made_meanwhile_stand_afterwards()
 {
    let (link, redis) = cuttable().await;
    let mut gateway = gateway(&redis);
    let before = names::fanout_room(RoomId::now_v7());
    gateway
        .subscriber
        .subscribe(vec![before.clone()])
        .await
        .unwrap();
    eventually("the path is proven", async || {
        gateway.subscriber.is_healthy()
    })
    .await;

    let frozen = Instant::now();
    link.freeze();
    eventually("deafness is noticed", async || {
        !gateway.subscriber.is_healthy()
    })
    .await;
    assert!(
        frozen.elapsed() < Duration::from_secs(10),
        "{:?}",
        frozen.elapsed()
    );

    let meanwhile = names::fanout_room(RoomId::now_v7());
    assert!(
        gateway
            .subscriber
            .subscribe(vec![meanwhile.clone()])
            .await
            .is_err()
    );
    link.heal();
    assert_eq!(gateway.next().await, FanoutEvent::Missed);
    let direct = crate::fixture::redis().await;
    for channel in [before, meanwhile] {
        let heard = publish(&direct, &[broadcast(&channel, "hi")])
            .await
            .unwrap();
        assert_eq!(heard, 1, "{channel}");
        assert_eq!(gateway.next_payload().await, "hi");
    }
}

#[tokio::test]
async fn an_owner_that_does_not_keep_up_is_told_that_it_missed_something() {
    let redis = redis().await;
    let mut gateway = gateway(&redis);
    let channel = names::fanout_room(RoomId::now_v7());
    gateway
        .subscriber
        .subscribe(vec![channel.clone()])
        .await
        .unwrap();
    let batch: Vec<_> = (0..20_000).map(|n| broadcast(&channel, n)).collect();
    publish(&redis, &batch).await.unwrap();
    // Nobody listens for longer than the subscriber's patience.
    eventually("the subscriber has given up", async || {
        gateway.events.len() == gateway.events.max_capacity()
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut heard = 0;
    while let FanoutEvent::Message { payload, .. } = gateway.next().await {
        assert_eq!(
            payload,
            heard.to_string().into_bytes(),
            "a gap before it was told"
        );
        heard += 1;
    }
    assert!(heard < 20_000);
}

#[tokio::test]
async fn the_subscriber_ends_with_its_owner() {
    let redis = redis().await;
    let gateway = gateway(&redis);
    gateway.tasks.close();
    let (tasks, id) = (gateway.tasks.clone(), gateway.id.clone());
    drop(gateway);
    tokio::time::timeout(PATIENCE, tasks.wait())
        .await
        .unwrap_or_else(|_| panic!("{id} still runs"));
}
