//! A gateway that leaves: nobody new comes in, everybody is told, nothing acknowledged is lost.

use std::collections::BTreeSet;

use chat_test_support::until;
use serde_json::json;

use crate::harness::Chat;

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_told_and_closed_and_nobody_new_comes_in() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let (mut one, mut other) = (chat.connect(&ada).await, chat.connect(&bob).await);
    chat.stop_gateway();
    for socket in [&mut one, &mut other] {
        let notice = socket.event("server.draining").await;
        assert_eq!(notice["reason"], "shutdown");
        assert!(notice["reconnectInMs"].as_u64().unwrap() <= 2000);
        assert!(notice["deadline"].is_string());
    }
    let handshake = chat.url("/socket.io/?EIO=4&transport=polling");
    let answer = chat.client.get(handshake).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let (status, body) = chat.get("/health/readiness", None).await;
    assert_eq!(status, 503, "{body}");
    one.closed().await;
    other.closed().await;
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_told_different_times_to_come_back() {
    let chat = Chat::start().await;
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let person = chat.register().await;
        for _ in 0..5 {
            sockets.push(chat.connect(&person).await);
        }
    }
    chat.stop_gateway();
    let mut hints = BTreeSet::new();
    for socket in &mut sockets {
        let notice = socket.event("server.draining").await;
        let hint = notice["reconnectInMs"].as_u64().unwrap();
        // So few go within the shortest spread.
        assert!(hint <= 300, "{notice}");
        hints.insert(hint);
    }
    assert!(hints.len() > 10, "{hints:?}");
    let apart = hints.last().unwrap() - hints.first().unwrap();
    assert!(apart > 100, "{hints:?}");
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_the_end_is_stored() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let survivor = chat.second_gateway().await;
    let mut socket = chat.connect(&ada).await;
    for number in 0..50 {
        let sent = json!({"roomId": room, "content": format!("{number}")});
        socket.emit_later("message.send", &sent).await;
    }
    chat.stop_gateway();
    let mut acknowledged = 0;
    while let Some(frame) = socket.frame().await {
        acknowledged += i64::from(frame.starts_with("43/chat,") && frame.contains("QUEUED"));
    }
    let path = format!("/api/v1/rooms/{room}/messages");
    until("all acknowledged messages are stored", async || {
        let (_, page) = survivor.get(&path, Some(&ada.token)).await;
        (page["lastSeq"].as_i64()? >= acknowledged).then_some(())
    })
    .await;
    survivor.stop().await;
    chat.stop().await;
}
