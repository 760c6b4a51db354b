//! A gateway and its connections to Redis: few, and if they are dead the gateway is deaf, says so, and hears again later.

use std::time::{Duration, Instant};

use chat_test_support::cuttable_link::CuttableLink;
use chat_test_support::until;
use serde_json::json;

use crate::harness::{Backends, Chat};

/// Nothing listens here.
const NOWHERE: &str = "amqp://guest:guest@127.0.0.1:9/%2f";

#[tokio::test(flavor = "multi_thread")]
async fn a_deaf_gateway_is_not_ready_within_ten_seconds_and_hears_its_rooms_again() {
    let mut backends = Backends::prepare().await;
    let link = backends.link_to_redis().await;
    backends.redis_url = format!("redis://127.0.0.1:{}/", link.port());
    // The gateway does the sends itself, so no processor is needed.
    NOWHERE.clone_into(&mut backends.rabbitmq_url);
    let chat = Chat::gateway_only(backends, &[]).await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let (mut sender, mut receiver) = (chat.connect(&ada).await, chat.connect(&bob).await);
    let status = async || chat.get("/health/readiness", None).await.0;

    let breaks = [CuttableLink::freeze, CuttableLink::cut];
    for (break_it, is_cut) in breaks.into_iter().zip([false, true]) {
        break_it(&link);
        let broken = Instant::now();
        until("the gateway is not ready", async || {
            (status().await == 503).then_some(())
        })
        .await;
        let noticed = broken.elapsed();
        assert!(noticed < Duration::from_secs(10), "{noticed:?}");
        link.heal();
        until("the gateway is ready", async || {
            (status().await == 200).then_some(())
        })
        .await;
        // What was frozen may flow again before the subscription is given up.
        if is_cut {
            let resync = receiver.event("resync").await;
            assert_eq!(resync["reason"], "fanout_interrupted");
        }
        let sent = json!({"roomId": room, "content": format!("after {noticed:?}")});
        let ack = until("a send is taken", async || {
            let ack = sender.emit("message.send", &sent).await;
            (ack["status"] == "QUEUED").then_some(ack)
        })
        .await;
        assert_eq!(ack["status"], "QUEUED");
        let message = receiver.event("message.delivered").await;
        assert_eq!(message["content"], sent["content"]);
    }
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_share_the_connections_of_their_gateway() {
    let mut backends = Backends::prepare().await;
    let link = backends.link_to_redis().await;
    backends.redis_url = format!("redis://127.0.0.1:{}/", link.port());
    NOWHERE.clone_into(&mut backends.rabbitmq_url);
    let chat = Chat::gateway_only(backends, &[]).await;
    let mut sockets = Vec::new();
    let mut connections = Vec::new();
    for _ in 0..2 {
        for _ in 0..20 {
            let person = chat.register().await;
            sockets.push(chat.connect(&person).await);
        }
        connections.push(link.connections());
    }
    assert!(connections[0] > 0, "they go over the link");
    assert_eq!(connections[0], connections[1]);
    chat.stop().await;
}
