//! Requests at the edges of HTTP: every refusal is a problem with its code.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Chat, answer};

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_with_its_code() {
    let chat = Chat::start().await;
    let login = || chat.client.post(chat.url("/auth/login"));
    let as_json = |request: reqwest::RequestBuilder, body: &str| {
        request
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    let cases = [
        (as_json(login(), "{\"email\":"), 400, "malformed_json"),
        (as_json(login(), "[]"), 400, "validation_failed"),
        (
            as_json(login(), &"x".repeat(1024 * 1024 + 1)),
            413,
            "payload_too_large",
        ),
        (
            login().header("content-type", "text/plain").body("{}"),
            415,
            "unsupported_media_type",
        ),
        (login().body("{}"), 415, "unsupported_media_type"),
        (
            chat.client.get(chat.url("/auth/login")),
            405,
            "method_not_allowed",
        ),
        (
            chat.client.get(chat.url("/api/v1/nothing")),
            404,
            "not_found",
        ),
        (chat.client.post(chat.url("/")), 404, "not_found"),
        (
            chat.client.get(chat.url("/api/v1/me")),
            401,
            "unauthenticated",
        ),
        (
            chat.client.get(chat.url("/api/v1/me")).bearer_auth("x"),
            401,
            "invalid_token",
        ),
    ];
    for (request, status, code) in cases {
        let response = request.send().await.unwrap();
        let url = response.url().path().to_owned();
        assert_eq!(response.status(), status, "{url} {code}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json",
            "{url} {code}"
        );
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["code"], code);
        assert_eq!(
            (&body["status"], &body["instance"]),
            (&json!(status), &json!(url))
        );
    }
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn existence_comes_before_membership() {
    let chat = Chat::start().await;
    let (ada, bob, eve) = (
        chat.register().await,
        chat.register().await,
        chat.register().await,
    );
    let room = chat.dm(&ada, &bob).await;
    let missing = uuid::Uuid::now_v7();
    for (path, status, code) in [
        (format!("/api/v1/rooms/{missing}"), 404, "room_not_found"),
        (format!("/api/v1/rooms/{room}"), 403, "not_member"),
        (format!("/api/v1/rooms/{room}/messages"), 403, "not_member"),
        (
            format!("/api/v1/messages/{missing}"),
            404,
            "message_not_found",
        ),
        ("/api/v1/rooms/7".to_owned(), 400, "validation_failed"),
    ] {
        let (actual, body) = chat.get(&path, Some(&eve.token)).await;
        assert_eq!((actual, &body["code"]), (status, &json!(code)), "{path}");
    }
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_call_the_socket_layer_too() {
    let chat = Chat::start_with(&["--cors-origin=https://chat.example.org"]).await;
    let handshake = chat.url("/socket.io/?EIO=4&transport=polling");
    let from = |origin: &'static str| chat.client.get(&handshake).header("origin", origin).send();
    let allowed = from("https://chat.example.org").await.unwrap();
    assert_eq!(
        allowed.headers()["access-control-allow-origin"],
        "https://chat.example.org"
    );
    assert_eq!(
        allowed.headers()["access-control-allow-credentials"],
        "true"
    );
    let exposed = allowed.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_owned();
    for header in ["retry-after", "x-has-more", "x-next-seq"] {
        assert!(exposed.contains(header), "{exposed}");
    }
    let other = from("https://evil.example.org").await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    let preflight = chat
        .client
        .request(reqwest::Method::OPTIONS, chat.url("/api/v1/me"))
        .header("origin", "https://chat.example.org")
        .header("access-control-request-method", "PATCH")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), 200);
    assert!(
        preflight.headers()["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("PATCH")
    );
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_over_rest_is_accepted_with_its_job() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let path = format!("/api/v1/rooms/{room}/messages");
    let body = json!({"content": "hello", "clientMsgId": "c-1"});
    let send = || {
        answer(
            chat.client
                .post(chat.url(&path))
                .bearer_auth(&ada.token)
                .json(&body),
        )
    };
    let (status, first) = send().await;
    assert_eq!(
        (status, &first["status"], &first["clientMsgId"]),
        (202, &json!("QUEUED"), &json!("c-1"))
    );
    let (_, again) = send().await;
    assert_eq!(
        again["jobId"], first["jobId"],
        "a repeat is answered like the first"
    );
    chat.stop().await;
}

/// Clients that write all before they read would take a reset for an outage.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_far_too_large_is_refused_with_an_answer_that_arrives() {
    let chat = Chat::start().await;
    let url: http::Uri = chat.url("/").parse().unwrap();
    let address = url.authority().unwrap().as_str().to_owned();
    let body = vec![b'x'; 12 * 1024 * 1024];
    for (target, status) in [
        ("/auth/login", "413"),
        ("/socket.io/?EIO=4&transport=polling&sid=unknown", "400"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.expect("all of it is taken");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(
            std::str::from_utf8(&answer).unwrap(),
            format!("HTTP/1.1 {status}"),
            "{target}"
        );
    }
}
