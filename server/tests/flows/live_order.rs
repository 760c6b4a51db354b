//! Events that Redis brings in another order than the numbers: sockets hear them in order.

use std::time::{Duration, Instant};

use chat_backends::config::RedisConfig;
use chat_backends::redis::Redis;
use chat_backends::redis::fanout_publisher::{self, Broadcast};
use chat_core::names;
use chat_test_support::variable;
use serde_json::{Value, json};

use crate::harness::{Backends, Chat};

/// Nothing listens here.
const NOWHERE: &str = "amqp://guest:guest@127.0.0.1:9/%2f";

/// What other gateways publish on a room's channel.
struct Channel {
    redis: Redis,
    room: String,
    /// A message of the room.
    sample: Value,
}

impl Channel {
    async fn publish(&self, event: &str, data: &Value) {
        let broadcast = Broadcast {
            channel: names::fanout_room(self.room.parse().unwrap()),
            payload: json!({"event": event, "data": data}).to_string(),
        };
        let heard = fanout_publisher::publish(&self.redis, &[broadcast])
            .await
            .unwrap();
        assert_eq!(heard, 1, "the gateway listens to the room");
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
    let config = RedisConfig::from_url(variable("TEST_REDIS_URL")).unwrap();
    let channel = Channel {
        redis: Redis::connect(&config).await.unwrap(),
        room,
        sample,
    };

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
