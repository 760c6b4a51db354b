//! Logins that end: by logout, by a stolen refresh token, by time.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Chat, Person};

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_closes_the_sessions_sockets_within_a_second_and_no_others() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let login = json!({"email": ada.email, "password": "password"});
    let (status, body) = chat.post("/auth/login", None, &login).await;
    assert_eq!(status, 200, "{body}");
    let elsewhere = Person::of(&body);
    let (mut here, mut there) = (chat.connect(&ada).await, chat.connect(&elsewhere).await);
    let start = Instant::now();
    let (status, _) = chat
        .post("/auth/logout", Some(&ada.token), &json!({}))
        .await;
    assert_eq!(status, 200);
    assert!(here.event("session.revoked").await["sessionId"].is_string());
    assert!(here.starting("41/chat").await.is_some());
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(there.emit("ping", &json!({})).await["status"], "OK");
    let (status, body) = chat.get("/api/v1/me", Some(&ada.token)).await;
    assert_eq!((status, &body["code"]), (401, &json!("session_revoked")));
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_back_ends_its_session() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let first = json!({"refreshToken": ada.refresh_token});
    let (status, body) = chat.post("/auth/refresh", None, &first).await;
    assert_eq!(status, 200, "{body}");
    let renewed = Person::of(&body);
    assert_ne!(renewed.refresh_token, ada.refresh_token);
    let mut socket = chat.connect(&renewed).await;
    let (status, body) = chat.post("/auth/refresh", None, &first).await;
    assert_eq!((status, &body["code"]), (401, &json!("refresh_reused")));
    socket.event("session.revoked").await;
    let second = json!({"refresh_token": renewed.refresh_token});
    let (status, body) = chat.post("/auth/refresh", None, &second).await;
    assert_eq!((status, &body["code"]), (401, &json!("session_revoked")));
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_ends_its_socket() {
    let chat = Chat::start_with(&["--jwt-access-expired=2s"]).await;
    let ada = chat.register().await;
    let mut socket = chat.connect(&ada).await;
    assert_eq!(socket.event("session.expired").await, json!({}));
    assert!(socket.starting("41/chat").await.is_some());
    let (status, body) = chat.get("/api/v1/me", Some(&ada.token)).await;
    assert_eq!((status, &body["code"]), (401, &json!("token_expired")));
    chat.stop().await;
}
