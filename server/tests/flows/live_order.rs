//! Events that Redis brings in another order than the numbers: sockets hear them in order.

use std::time::{Duration, Instant};

use chat_backends::config::RedisConfig;
use chat_backends::redis::Redis;
use chat_backends::redis::fanout_publisher::{self, Broadcast};
use chat_core::names;
use chat_test_support::variable;
use serde_json::{Value, json};

use crate::harness::{Backends, Chat};
use crate::socket::Socket;

/// Nothing listens here.
const NOWHERE: &str = "amqp://guest:guest@127.0.0.1:9/%2f";

/// What other gateways publish on a room's channel.
struct Channel {
    redis: Redis,
    room: String,
    /// A message of the room.
    sample: Value,
    /// Gateways that listen to the room.
    gateways: u64,
}

impl Channel {
    /// The channel of a sample's room.
    async fn of(sample: Value, gateways: u64) -> Self {
        let config = RedisConfig::from_url(variable("TEST_REDIS_URL")).unwrap();
        Self {
            redis: Redis::connect(&config).await.unwrap(),
            room: sample["roomId"].as_str().unwrap().to_owned(),
            sample,
            gateways,
        }
    }

    async fn publish(&self, event: &str, data: &Value) {
        let broadcast = Broadcast {
            channel: names::fanout_room(self.room.parse().unwrap()),
            payload: json!({"event": event, "data": data}).to_string(),
        };
        let heard = fanout_publisher::publish(&self.redis, &[broadcast])
            .await
            .unwrap();
        assert_eq!(heard, self.gateways, "they listen to the room");
    }

    async fn message(&self, seq: i64) {
        let mut message = self.sample.clone();
        message["id"] = json!(uuid::Uuid::now_v7());
        message["seq"] = json!(seq);
        self.publish("message.delivered", &message).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_published_in_the_wrong_order_are_heard_in_order() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut sender = chat.connect(&ada).await;
    let mut receiver = chat.connect(&bob).await;
    let sent = json!({"roomId": room, "content": "first"});
    assert_eq!(sender.emit("message.send", &sent).await["status"], "QUEUED");
    let sample = receiver.event("message.delivered").await;
    let channel = Channel::of(sample, 1).await;

    for seq in [4, 3] {
        channel.message(seq).await;
    }
    // About a message that waits: it waits as well.
    let edited = json!({"roomId": channel.room, "seq": 4});
    channel.publish("message.edited", &edited).await;
    for seq in [2, 6, 5, 2] {
        channel.message(seq).await;
    }
    let mut heard = Vec::new();
    while heard.len() < 7 {
        let frame = receiver.starting("42/chat,[\"message.").await.unwrap();
        let packet: Value = serde_json::from_str(&frame["42/chat,".len()..]).unwrap();
        match packet[0].as_str().unwrap() {
            "message.delivered" => heard.push(packet[1]["seq"].as_i64().unwrap()),
            "message.edited" => heard.push(-4),
            _ => {}
        }
    }
    assert_eq!(heard, [2, 3, 4, -4, 5, 6, 2]);

    // What Redis has lost holds nobody up for long.
    let published = Instant::now();
    channel.message(8).await;
    assert_eq!(receiver.event("message.delivered").await["seq"], 8);
    let waited = published.elapsed();
    assert!(
        waited > Duration::from_millis(200) && waited < Duration::from_secs(2),
        "{waited:?}"
    );
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_gateways_do_without_the_broker_is_heard_in_order_everywhere() {
    const EACH: i64 = 150;
    let mut backends = Backends::prepare().await;
    NOWHERE.clone_into(&mut backends.rabbitmq_url);
    let chat = Chat::gateway_only(backends, &[]).await;
    let other = chat.second_gateway_only().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut sockets = [chat.connect(&ada).await, other.connect(&bob).await];
    for number in 0..EACH {
        for socket in &mut sockets {
            let sent = json!({"roomId": room, "content": format!("number {number}")});
            socket.emit_later("message.send", &sent).await;
        }
    }
    for socket in &mut sockets {
        for seq in 1..=2 * EACH {
            assert_eq!(socket.event("message.delivered").await["seq"], seq);
        }
    }
    other.stop().await;
    chat.stop().await;
}

/// What a gateway did not hear is a gap as any other, also for clients that have not caught up by themselves yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_after_an_interruption_is_heard_in_order() {
    let mut backends = Backends::prepare().await;
    NOWHERE.clone_into(&mut backends.rabbitmq_url);
    let link = backends.link_to_redis().await;
    let chat = Chat::gateway_only(backends, &[]).await;
    let cut_off = chat
        .second_gateway_by(&format!("redis://127.0.0.1:{}/", link.port()))
        .await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let (mut sender, mut receiver) = (chat.connect(&ada).await, cut_off.connect(&bob).await);
    let mut send = async |number: i64| {
        let sent = json!({"roomId": room, "content": format!("number {number}")});
        assert_eq!(sender.emit("message.send", &sent).await["status"], "QUEUED");
        sender.event("message.delivered").await
    };
    let channel = Channel::of(send(1).await, 2).await;
    assert_eq!(receiver.event("message.delivered").await["seq"], 1);

    link.cut();
    for number in 2..=5 {
        send(number).await;
    }
    link.heal();
    let resync = receiver.event("resync").await;
    assert_eq!(resync["reason"], "fanout_interrupted");
    // Their makers tell some of them late, and each for itself.
    for seq in [5, 4] {
        channel.message(seq).await;
    }
    for seq in 2..=5 {
        assert_eq!(receiver.event("message.delivered").await["seq"], seq);
    }
    // Those that the store had are not told again.
    for seq in [3, 2] {
        channel.message(seq).await;
    }
    send(6).await;
    assert_eq!(receiver.event("message.delivered").await["seq"], 6);
    cut_off.stop().await;
    chat.stop().await;
}

/// Messages that are sent while the members' gateways are still about to listen to the room.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_messages_of_a_new_room_are_heard_in_order() {
    const PAIRS: usize = 8;
    const ROOMS: usize = 3;
    let chat = Chat::start().await;
    let pairs = (0..PAIRS).map(async |_| {
        let (ada, bob) = (chat.register().await, chat.register().await);
        let (mut sender, mut receiver) = (chat.connect(&ada).await, chat.connect(&bob).await);
        for _ in 0..ROOMS {
            first_messages(&bob.id, &mut sender, &mut receiver).await;
        }
    });
    let all = futures::future::join_all(pairs);
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .expect("everything is heard");
    chat.stop().await;
}

/// A new room, and what is sent into it at once.
async fn first_messages(other: &str, sender: &mut Socket, receiver: &mut Socket) {
    const EACH: i64 = 5;
    let create = json!({"type": "group", "memberIds": [other], "title": "New"});
    let created = sender.emit("room.create", &create).await;
    let room = &created["room"]["id"];
    assert!(room.is_string(), "{created}");
    for number in 0..EACH {
        let content = format!("{number} in {room}");
        let sent = json!({"roomId": room, "content": content});
        sender.emit_later("message.send", &sent).await;
    }
    let mut highest = 0;
    while highest < EACH {
        let message = receiver.event("message.delivered").await;
        if message["roomId"] == *room {
            let seq = message["seq"].as_i64().unwrap();
            // What was heard before may come once more.
            assert!(seq <= highest + 1, "{seq} after {highest}");
            highest = seq.max(highest);
        }
    }
}
