//! The broker is away: the gateway does the jobs itself, or says honestly that it can't.

use std::time::{Duration, Instant};

use chat_backends::config::RedisConfig;
use chat_backends::redis::{Redis, dedup};
use serde_json::json;

use crate::harness::{Backends, Chat};

/// Nothing listens here.
const NOWHERE: &str = "amqp://guest:guest@127.0.0.1:9/%2f";

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_done_directly_and_acknowledged_alike() {
    let mut backends = Backends::prepare().await;
    NOWHERE.clone_into(&mut backends.rabbitmq_url);
    let chat = Chat::gateway_only(backends, &[]).await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let (mut sender, mut receiver) = (chat.connect(&ada).await, chat.connect(&bob).await);
    for number in 1..=20 {
        let sent = json!({"roomId": room, "content": format!("{number}"), "clientMsgId": format!("c-{number}")});
        sender.emit_later("message.send", &sent).await;
    }
    for number in 1..=20 {
        let ack = sender.ack(number).await;
        assert_eq!(
            ack,
            json!({"status": "QUEUED", "clientMsgId": format!("c-{number}")})
        );
        let message = receiver.event("message.delivered").await;
        assert_eq!(message["content"], format!("{number}"));
    }
    let (status, health) = chat.get("/health", None).await;
    assert_eq!(
        (status, &health["error"]["rabbitmq"]["status"]),
        (503, &json!("down"))
    );
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_reject_the_client_is_told_to_come_again_within_a_second() {
    let mut backends = Backends::prepare().await;
    NOWHERE.clone_into(&mut backends.rabbitmq_url);
    let chat = Chat::gateway_alive(backends, &["--chat-on-broker-outage=Reject"]).await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut sender = chat.connect(&ada).await;
    let start = Instant::now();
    let sent = json!({"roomId": room, "content": "hello", "clientMsgId": "c-1"});
    let ack = sender.emit("message.send", &sent).await;
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(
        (&ack["status"], &ack["code"]),
        (&json!("ERROR"), &json!("busy")),
        "{ack}"
    );
    assert_eq!(ack["clientMsgId"], "c-1");
    assert!(ack["retryAfterMs"].as_u64().unwrap() > 0);
    // Its next try is a first one: nothing says that an earlier one was published.
    let url = std::env::var("TEST_REDIS_URL").unwrap();
    let redis = Redis::connect(&RedisConfig::from_url(url).unwrap())
        .await
        .unwrap();
    let (user, room) = (ada.id.parse().unwrap(), room.parse().unwrap());
    let claimed = dedup::look_up(&redis, user, room, "c-1").await.unwrap();
    assert_eq!(claimed, None);
    chat.stop().await;
}
