//! Accounts: who may log in, how often one may fail.

use chat_test_support::until;
use serde_json::json;

use crate::harness::{Chat, Person};

#[tokio::test(flavor = "multi_thread")]
async fn ten_failed_logins_lock_the_name_for_a_while_even_for_the_right_password() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let wrong = json!({"email": ada.email, "password": "not the password"});
    for _ in 0..10 {
        let (status, body) = chat.post("/auth/login", None, &wrong).await;
        assert_eq!(
            (status, &body["code"]),
            (401, &json!("invalid_credentials"))
        );
    }
    let right = json!({"email": ada.email, "password": "password"});
    let (status, body) = chat.post("/auth/login", None, &right).await;
    assert_eq!((status, &body["code"]), (429, &json!("rate_limited")));
    assert!(body["retryAfter"].as_u64().unwrap() >= 1);
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_is_taken_in_whatever_case_and_a_derived_username_gives_way() {
    let chat = Chat::start().await;
    let body = json!({"email": "Ada@example.org", "password": "password"});
    let (status, first) = chat.post("/auth/register", None, &body).await;
    assert_eq!((status, &first["user"]["username"]), (201, &json!("Ada")));
    let again = json!({"email": "aDA@EXAMPLE.org", "password": "password"});
    let (status, body) = chat.post("/api/v1/auth/register", None, &again).await;
    assert_eq!((status, &body["code"]), (409, &json!("email_taken")));
    let namesake = json!({"email": "ada@example.com", "password": "password"});
    let (status, body) = chat.post("/auth/register", None, &namesake).await;
    assert_eq!(status, 201, "{body}");
    assert_ne!(body["user"]["username"], "Ada");
    let chosen = json!({"email": "x@example.com", "password": "password", "username": "ADA"});
    let (status, body) = chat.post("/auth/register", None, &chosen).await;
    assert_eq!((status, &body["code"]), (409, &json!("username_taken")));
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_is_made_at_the_start() {
    let chat = Chat::start_with(&[
        "--admin-email=root@example.org",
        "--admin-password=password",
    ])
    .await;
    let login = json!({"email": "root@example.org", "password": "password"});
    let admin = until("the admin can log in", async || {
        let (status, body) = chat.post("/auth/login", None, &login).await;
        (status == 200).then(|| body.clone())
    })
    .await;
    assert_eq!(admin["user"]["role"], "ADMIN");
    let ada = chat.register().await;
    let path = format!("/api/v1/users/{}", ada.id);
    let (_, seen_by_admin) = chat.get(&path, Some(&Person::of(&admin).token)).await;
    assert_eq!(seen_by_admin["email"], ada.email.as_str());
    let bob = chat.register().await;
    let (_, seen_by_others) = chat.get(&path, Some(&bob.token)).await;
    assert!(seen_by_others.get("email").is_none(), "{seen_by_others}");
    chat.stop().await;
}
