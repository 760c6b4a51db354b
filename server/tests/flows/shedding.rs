//! Typing gives way while the queue of messages is long, and comes back once it is short.

use std::time::{Duration, Instant};

use chat_test_support::until;
use serde_json::json;

use crate::harness::{Backends, Chat};

/// Waits until the gateway has seen so many ready jobs; whether it sheds.
async fn sheds_at(chat: &Chat, ready: usize) -> bool {
    let seen = format!("chat_queue_messages_ready{{queue=\"chat.events.high\"}} {ready}\n");
    until("the depth is sampled", async || {
        let metrics = chat.metrics().await;
        metrics
            .contains(&seen)
            .then(|| metrics.contains("\nchat_shedding 1\n"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_dropped_above_the_high_threshold_and_taken_again_below_the_low_one() {
    let flags = ["--chat-shed-high=20", "--chat-shed-low=10"];
    // Without a processor what is sent stays in the queue.
    let chat = Chat::gateway_only(Backends::prepare().await, &flags).await;
    until("the broker is connected", async || {
        (chat.get("/health", None).await.0 == 200).then_some(())
    })
    .await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut socket = chat.connect(&ada).await;
    let typing = json!({"roomId": room});
    let (shed, queued) = (json!("SHED"), json!("QUEUED"));
    let send = async |socket: &mut crate::socket::Socket, count: usize| {
        for number in 0..count {
            let sent = json!({"roomId": room, "content": format!("{count}, {number}")});
            assert_eq!(socket.emit("message.send", &sent).await["status"], "QUEUED");
        }
    };

    send(&mut socket, 20).await;
    assert!(!sheds_at(&chat, 20).await, "at the threshold, not above it");
    assert_eq!(socket.emit("typing.start", &typing).await["status"], queued);
    send(&mut socket, 1).await;
    let crossed = Instant::now();
    assert!(sheds_at(&chat, 21).await);
    assert!(
        crossed.elapsed() < Duration::from_secs(1),
        "{:?}",
        crossed.elapsed()
    );
    assert_eq!(socket.emit("typing.start", &typing).await["status"], shed);
    // Messages are never shed.
    send(&mut socket, 1).await;

    chat.take_jobs(&room, 7).await;
    assert!(sheds_at(&chat, 15).await, "between the thresholds it stays");
    assert_eq!(socket.emit("typing.start", &typing).await["status"], shed);
    chat.take_jobs(&room, 6).await;
    assert!(!sheds_at(&chat, 9).await);
    assert_eq!(socket.emit("typing.start", &typing).await["status"], queued);
    send(&mut socket, 6).await;
    assert!(
        !sheds_at(&chat, 15).await,
        "between the thresholds it stays"
    );

    let metrics = chat.metrics().await;
    assert!(
        metrics.contains("chat_shed_total{event=\"typing.start\"} 2\n"),
        "{metrics}"
    );
    chat.stop().await;
}
