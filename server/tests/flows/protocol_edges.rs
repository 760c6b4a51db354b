//! What no stock client sends: the socket stays unless the frame is no packet at all.

use serde_json::json;

use crate::harness::Chat;
use crate::socket::Socket;

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_answered_and_never_close_the_socket() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let mut socket = chat.connect(&ada).await;
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let cases = [
        ("[\"message.send\",null]".to_owned(), "validation_failed"),
        (
            "[\"message.send\",\"text\"]".to_owned(),
            "validation_failed",
        ),
        ("[\"message.send\",7]".to_owned(), "validation_failed"),
        ("[\"message.send\",[1,2]]".to_owned(), "validation_failed"),
        ("[\"message.send\"]".to_owned(), "validation_failed"),
        (format!("[\"message.send\",{deep}]"), "validation_failed"),
        (
            format!("[\"message.send\",{{\"roomId\":{deep}}}]"),
            "validation_failed",
        ),
        ("[\"no.such.event\",{}]".to_owned(), "unknown_event"),
        ("[\"quo\\\"ted\",{}]".to_owned(), "unknown_event"),
        ("[7,{}]".to_owned(), "invalid_event"),
        ("[null]".to_owned(), "invalid_event"),
        ("[]".to_owned(), "invalid_event"),
        ("[\"message.send\",{\"roomId\":".to_owned(), "invalid_event"),
    ];
    for (index, (data, code)) in cases.iter().enumerate() {
        let id = 1000 + index;
        socket.send(format!("42/chat,{id}{data}")).await;
        let answer = socket.ack(id.try_into().unwrap()).await;
        assert_eq!(answer["status"], "ERROR", "{data:.60}");
        assert_eq!(answer["code"], *code, "{data:.60}: {answer}");
        assert_eq!(answer["error"]["code"], *code);
    }
    assert_eq!(socket.emit("ping", &json!({})).await["status"], "OK");
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_ack_fails_by_both_error_events() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let mut socket = chat.connect(&ada).await;
    socket
        .send("42/chat,[\"message.send\",{\"clientMsgId\":\"tmp-9\"}]")
        .await;
    for name in ["error", "exception"] {
        let error = socket.event(name).await;
        assert_eq!(error["status"], "error");
        assert_eq!(error["event"], "message.send");
        assert_eq!(error["code"], "validation_failed");
        assert_eq!(error["clientMsgId"], "tmp-9");
    }
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_attachments_are_taken_and_refused_as_content() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let mut socket = chat.connect(&ada).await;
    socket
        .send("451-/chat,5[\"message.send\",{\"_placeholder\":true,\"num\":0}]")
        .await;
    socket.send_binary(vec![1, 2, 3]).await;
    assert_eq!(socket.ack(5).await["code"], "validation_failed");
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_packets_close_the_connection_and_hurt_nobody_else() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let mut bystander = chat.connect(&bob).await;
    for frame in [
        "4",
        "49",
        "45",
        "451",
        "4é",
        "45999999999999999999999-[]",
        "44/chat,{}",
        "x",
        "é",
    ] {
        let mut socket = chat.connect(&ada).await;
        socket.send(frame).await;
        socket.closed().await;
    }
    let mut socket = chat.connect(&ada).await;
    socket.send_binary(vec![0; 10]).await;
    socket.closed().await;
    let mut socket = chat.connect(&ada).await;
    let too_large = "x".repeat(1_000_001);
    socket
        .send_in_vain(format!("42/chat,[\"ping\",\"{too_large}\"]"))
        .await;
    socket.closed().await;
    assert_eq!(bystander.emit("ping", &json!({})).await["status"], "OK");
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_refused_with_its_message_alone() {
    let chat = Chat::start().await;
    for path in [
        "/socket.io/",
        "/socket.io",
        "/ws/socket.io/",
        "/ws/socket.io",
    ] {
        let mut socket = Socket::open_at(&chat.base, path).await;
        let refused = |auth| (auth, "/chat");
        for ((auth, namespace), message) in [
            (refused(json!({})), "No token provided"),
            (refused(json!({"token": "x"})), "Invalid token"),
            (refused(json!({"token": 7})), "Invalid token"),
            ((json!({}), "/nowhere"), "Invalid namespace"),
        ] {
            let answer = socket.join(namespace, &auth).await;
            assert_eq!(answer.unwrap_err(), message);
        }
    }
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_carries_several_namespaces() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let mut socket = chat.connect(&ada).await;
    socket
        .send(format!("40{{\"token\":\"{}\"}}", ada.token))
        .await;
    assert!(socket.starting("40{\"sid\":").await.is_some());
    socket.send("420[\"ping\",null]").await;
    assert!(socket.starting("42[\"pong\",").await.is_some());
    assert!(socket.starting("430[{\"status\":\"OK\"").await.is_some());
    socket.send("41/chat,").await;
    socket.send("421[\"ping\"]").await;
    assert!(socket.starting("431[").await.is_some());
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_closed_and_never_silently_short() {
    let chat = Chat::start_with(&["--rate-limit-message-burst=100000"]).await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut sender = chat.connect(&ada).await;
    let mut sluggard = chat.connect(&bob).await;
    // More than the kernel's buffers and the gateway's together.
    let content = "x".repeat(90_000);
    for number in 0..700 {
        let sent = json!({"roomId": room, "content": format!("{number} {content}")});
        let ack = sender.emit("message.send", &sent).await;
        assert_eq!(ack["status"], "QUEUED", "{ack}");
    }
    let mut last = 0;
    while let Some(frame) = sluggard.frame().await {
        if let Some(rest) = frame
            .split("\"seq\":")
            .nth(1)
            .filter(|_| frame.contains("message.delivered"))
        {
            let seq: i64 = rest.split(',').next().unwrap().parse().unwrap();
            assert_eq!(seq, last + 1, "a packet is missing");
            last = seq;
        }
        assert!(last < 700, "it was never closed");
    }
    chat.stop().await;
}
