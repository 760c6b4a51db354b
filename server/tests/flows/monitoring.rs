//! The monitoring routes and the API documents.

use serde_json::json;

use chat_test_support::until;

use crate::harness::Chat;

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_read_queues_cache_and_score_in_the_merged_envelope() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let token = Some(ada.token.as_str());
    let queues = until("the queues were sampled", async || {
        let (status, queues) = chat.get("/chat/queue/stats", token).await;
        assert_eq!(status, 200, "{queues}");
        let consumers = &queues["queues"]["chat.events.high"]["consumerCount"];
        (consumers.as_u64() > Some(0)).then_some(queues)
    })
    .await;
    assert_eq!(queues["connected"], true);
    assert_eq!(queues["data"]["queues"], queues["queues"]);
    for queue in ["chat.events.medium", "chat.events.low", "chat.events.dlq"] {
        assert!(queues["queues"][queue]["messageCount"].is_u64(), "{queues}");
    }
    let (_, cache) = chat.get("/chat/cache/stats", token).await;
    assert_eq!(
        (&cache["connected"], &cache["statusCode"]),
        (&json!(true), &json!(200))
    );
    assert!(
        cache["stats"]["hitRate"]
            .as_f64()
            .is_some_and(|rate| (0.0..=1.0).contains(&rate))
    );
    let (_, dashboard) = chat.get("/chat/performance/dashboard", token).await;
    assert_eq!(dashboard["performance"]["status"], "healthy", "{dashboard}");
    assert!(dashboard["recentAlerts"].is_array() && dashboard["recommendations"].is_array());
    let metrics = until("a sample was taken", async || {
        let (_, metrics) = chat.get("/chat/performance/metrics", token).await;
        metrics["current"].is_object().then_some(metrics)
    })
    .await;
    assert!(!metrics["recent"].as_array().unwrap().is_empty());
    assert_eq!(
        metrics["current"]["systemHealth"]["databaseConnected"],
        true
    );
    assert_eq!(chat.get("/chat/queue/stats", None).await.0, 401);
    let (status, health) = chat.get("/chat/health", None).await;
    assert_eq!(
        (status, health),
        (
            200,
            json!({"status": "ok", "redis": true, "database": true})
        )
    );
    let (status, health) = chat.get("/chat/performance/health", None).await;
    assert_eq!((status, &health["status"]), (200, &json!("healthy")));
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn production_hides_the_documents_and_may_keep_the_figures_for_admins() {
    let chat = Chat::start_with(&["--node-env=production", "--chat-perf-admin-only=true"]).await;
    let ada = chat.register().await;
    for path in [
        "/api-docs",
        "/api-docs/openapi.json",
        "/api-docs/asyncapi.json",
    ] {
        assert_eq!(chat.get(path, None).await.0, 404, "{path}");
    }
    let (status, body) = chat.get("/chat/queue/stats", Some(&ada.token)).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    chat.stop().await;
    let chat = Chat::start().await;
    let (status, document) = chat.get("/api-docs/openapi.json", None).await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let page = chat.client.get(chat.url("/api-docs")).send().await.unwrap();
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let page = page.text().await.unwrap();
    assert!(
        !page.contains("https://") && !page.contains("http://"),
        "self-contained"
    );
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_asked_for_made_and_fetched_by_its_owner_only() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let (status, asked) = chat
        .post("/api/v1/me/export", Some(&ada.token), &json!({}))
        .await;
    assert_eq!(status, 202, "{asked}");
    let path = format!("/api/v1/me/export/{}", asked["exportId"].as_str().unwrap());
    assert_eq!(chat.get(&path, Some(&bob.token)).await.0, 404);
    let url = until("the export is made", async || {
        let (_, shown) = chat.get(&path, Some(&ada.token)).await;
        shown["url"].as_str().map(ToOwned::to_owned)
    })
    .await;
    let file = chat
        .client
        .get(chat.url(&url))
        .bearer_auth(&ada.token)
        .send()
        .await
        .unwrap();
    assert_eq!(file.headers()["content-type"], "application/zip");
    assert!(file.bytes().await.unwrap().starts_with(b"PK"));
    assert_eq!(chat.get(&url, Some(&bob.token)).await.0, 404);
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_reaches_the_writers_other_device() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut phone = chat.connect(&ada).await;
    let put = chat
        .client
        .put(chat.url(&format!("/api/v1/rooms/{room}/draft")));
    let put = put
        .bearer_auth(&ada.token)
        .json(&json!({"content": "half a "}));
    let (status, draft) = crate::harness::answer(put).await;
    assert_eq!((status, &draft["content"]), (200, &json!("half a")));
    let heard = phone.event("draft.updated").await;
    assert_eq!(
        (&heard["roomId"], &heard["content"]),
        (&json!(room), &json!("half a"))
    );
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_attempts_are_in_the_audit_log_with_their_address() {
    let flags = [
        "--admin-email=root@example.org",
        "--admin-password=password",
    ];
    let chat = Chat::start_with(&flags).await;
    let bob = chat.register().await;
    let wrong = json!({"email": bob.email, "password": "wrong-password"});
    assert_eq!(chat.post("/auth/login", None, &wrong).await.0, 401);
    assert_eq!(chat.get("/api/v1/me", Some("no.such.token")).await.0, 401);
    assert_eq!(
        chat.get("/api/v1/admin/users", Some(&bob.token)).await.0,
        403
    );
    let login = json!({"email": "root@example.org", "password": "password"});
    let root = until("the admin can log in", async || {
        let (status, body) = chat.post("/auth/login", None, &login).await;
        (status == 200).then(|| crate::harness::Person::of(&body))
    })
    .await;
    for action in ["auth.login_failed", "auth.token_invalid", "admin.refused"] {
        let path = format!("/api/v1/admin/audit?action={action}");
        let (_, log) = chat.get(&path, Some(&root.token)).await;
        assert_eq!(log["data"][0]["ip"], "127.0.0.1", "{action}: {log}");
    }
    // Whoever follows the event log hears of them too, without the address.
    let (nobody, bob) = (uuid::Uuid::nil().to_string(), bob.id.as_str());
    let expected = [
        ("auth.login_failed", bob),
        ("auth.token_invalid", nobody.as_str()),
        ("admin.refused", bob),
    ];
    until("the event log has them", async || {
        let logged = chat.logged().await;
        let told: Vec<_> = logged
            .iter()
            .filter(|it| it.event["eventType"] == "audit.log")
            .collect();
        let is_told = |(action, key): &(&str, &str)| {
            let mut told = told.iter();
            told.any(|it| it.event["data"]["action"] == *action && it.event["key"] == *key)
        };
        assert!(!format!("{told:?}").contains("127.0.0.1"), "{told:?}");
        expected.iter().all(is_told).then_some(())
    })
    .await;
    chat.stop().await;
}
