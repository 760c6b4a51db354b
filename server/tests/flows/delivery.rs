//! A message's whole way, in order and to everybody.

use serde_json::json;

use crate::harness::Chat;

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_message_reaches_every_socket_of_both_members() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut sockets = [
        chat.connect(&ada).await,
        chat.connect(&ada).await,
        chat.connect(&bob).await,
    ];
    let sent = json!({"roomId": room, "content": "Hello 👋", "clientMsgId": "tmp-123"});
    let ack = sockets[0].emit("message.send", &sent).await;
    assert_eq!(ack, json!({"status": "QUEUED", "clientMsgId": "tmp-123"}));
    let mut ids = Vec::new();
    for socket in &mut sockets {
        let message = socket.event("message.delivered").await;
        assert_eq!(message["content"], "Hello 👋");
        assert_eq!(message["seq"], 1);
        assert_eq!(message["senderId"], ada.id.as_str());
        assert_eq!(message["clientMsgId"], "tmp-123");
        ids.push(message["id"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_one_socket_keeps_its_order() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let (mut sender, mut receiver) = (chat.connect(&ada).await, chat.connect(&bob).await);
    for number in 1..=100 {
        let sent = json!({"roomId": room, "content": format!("number {number}")});
        sender.emit_later("message.send", &sent).await;
    }
    for number in 1..=100 {
        let message = receiver.event("message.delivered").await;
        assert_eq!(message["content"], format!("number {number}"));
        assert_eq!(message["seq"], number);
    }
    for ack in 1..=100 {
        assert_eq!(sender.ack(ack).await["status"], "QUEUED");
    }
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_made_later_is_heard_without_connecting_again() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let (mut ada_socket, mut bob_socket) = (chat.connect(&ada).await, chat.connect(&bob).await);
    let create = json!({"type": "group", "memberIds": [bob.id], "title": "Team"});
    let created = ada_socket.emit("room.create", &create).await;
    assert_eq!(created["status"], "OK", "{created}");
    let room = &created["room"]["id"];
    let sent = json!({"roomId": room, "content": "first"});
    assert_eq!(
        ada_socket.emit("message.send", &sent).await["status"],
        "QUEUED"
    );
    assert_eq!(
        bob_socket.event("message.delivered").await["content"],
        "first"
    );
    let announced = bob_socket.event("room.created").await;
    assert_eq!(announced["room"]["id"], *room);
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_their_rooms() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let other = chat.second_gateway().await;
    let mut ada_socket = chat.connect(&ada).await;
    let mut bob_socket = other.connect(&bob).await;
    let sent = json!({"roomId": room, "content": "across"});
    assert_eq!(
        ada_socket.emit("message.send", &sent).await["status"],
        "QUEUED"
    );
    assert_eq!(
        bob_socket.event("message.delivered").await["content"],
        "across"
    );
    let typing = json!({"roomId": room});
    assert_eq!(
        bob_socket.emit("typing.start", &typing).await["status"],
        "QUEUED"
    );
    let update = ada_socket.event("typing.update").await;
    assert_eq!(update["userId"], bob.id.as_str());
    other.stop().await;
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_send_is_stored_once_and_answered_alike() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut socket = chat.connect(&ada).await;
    let sent = json!({"roomId": room, "content": "once", "clientMsgId": "tmp-1"});
    let mut acks = Vec::new();
    for _ in 0..20 {
        acks.push(socket.emit_later("message.send", &sent).await);
    }
    for ack in acks {
        let expected = json!({"status": "QUEUED", "clientMsgId": "tmp-1"});
        assert_eq!(socket.ack(ack).await, expected);
    }
    let first = socket.event("message.delivered").await;
    let again = socket.event("message.delivered").await;
    assert_eq!(first["id"], again["id"]);
    let (_, page) = chat
        .get(&format!("/api/v1/rooms/{room}/messages"), Some(&ada.token))
        .await;
    assert_eq!(page["lastSeq"], 1, "{page}");
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sender_hears_that_a_message_was_delivered_and_read() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut ada_socket = chat.connect(&ada).await;
    let sent = json!({"roomId": room, "content": "hello"});
    ada_socket.emit("message.send", &sent).await;
    ada_socket.event("message.delivered").await;
    let path = format!("/api/v1/rooms/{room}/messages");
    let (_, page) = chat.get(&path, Some(&ada.token)).await;
    assert_eq!(page["messages"][0]["status"], "sent", "nobody was there");
    let mut bob_socket = chat.connect(&bob).await;
    ada_socket.emit("message.send", &sent).await;
    let message = bob_socket.event("message.delivered").await;
    let status = ada_socket.event("message.status").await;
    assert_eq!(
        (&status["messageId"], &status["status"]),
        (&message["id"], &json!("delivered"))
    );
    assert_eq!(status["userId"], bob.id.as_str());
    let read = json!({"roomId": room, "seq": 2});
    let answer = bob_socket.emit("message.read", &read).await;
    assert_eq!(
        (&answer["lastReadSeq"], &answer["unread"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(ada_socket.event("message.read").await["seq"], 2);
    let status = ada_socket.event("message.status").await;
    assert_eq!(status["status"], "read");
    chat.stop().await;
}
