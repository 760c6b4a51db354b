//! Subscribing browsers to Web Push over REST.

use serde_json::json;

use crate::harness::{Chat, answer};

const KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_subscribes_with_the_installations_key_and_ends_it() {
    let chat = Chat::start_with(&[&format!("--chat-vapid-private-key={KEY}")]).await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let (status, key) = chat.get("/api/v1/push/vapid-key", Some(&ada.token)).await;
    assert_eq!(status, 200, "{key}");
    assert_eq!(key["publicKey"].as_str().unwrap().len(), 87);

    let browser = |endpoint: &str| json!({"endpoint": endpoint, "expirationTime": null, "keys": {"p256dh": P256DH, "auth": AUTH}});
    let path = "/api/v1/push/subscriptions";
    let good = browser("https://push.example.org/abc");
    let (status, first) = chat.post(path, Some(&ada.token), &good).await;
    assert_eq!(status, 201, "{first}");
    let (_, again) = chat.post(path, Some(&ada.token), &good).await;
    assert_eq!(again["id"], first["id"]);
    for bad in [
        browser("http://push.example.org/abc"),
        browser("https://127.0.0.1/abc"),
        browser("https://chat-redis:6379/"),
        json!({"endpoint": "https://push.example.org/a", "keys": {"p256dh": "AAAA", "auth": AUTH}}),
        json!({"endpoint": "https://push.example.org/a", "keys": {"p256dh": P256DH, "auth": "x"}}),
        json!({"endpoint": "https://push.example.org/a"}),
    ] {
        let (status, body) = chat.post(path, Some(&ada.token), &bad).await;
        assert_eq!(
            (status, &body["code"]),
            (400, &json!("validation_failed")),
            "{bad}"
        );
    }

    let one = format!("{path}/{}", first["id"].as_str().unwrap());
    let delete = async |token: &str| {
        let request = chat.client.delete(chat.url(&one)).bearer_auth(token);
        answer(request).await.0
    };
    assert_eq!(delete(&bob.token).await, 404, "it is somebody else's");
    assert_eq!(delete(&ada.token).await, 204);
    assert_eq!(delete(&ada.token).await, 404);
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_there_is_no_web_push() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let (status, body) = chat.get("/api/v1/push/vapid-key", Some(&ada.token)).await;
    assert_eq!((status, &body["code"]), (404, &json!("not_found")));
    chat.stop().await;
}
