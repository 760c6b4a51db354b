//! A publish that Redis lost: nobody sees a gap, and the message comes all the same.

use std::time::{Duration, Instant};

use chat_backends::config::RedisConfig;
use chat_backends::redis::{Redis, announce, ring};
use chat_core::ids::RoomId;
use serde_json::json;

use crate::harness::Chat;

/// One heartbeat of the sockets.
const HEARTBEAT: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_last_message_is_emitted_within_one_heartbeat() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut sender = chat.connect(&ada).await;
    let mut receiver = chat.connect(&bob).await;
    let sent = json!({"roomId": room, "content": "first"});
    assert_eq!(sender.emit("message.send", &sent).await["status"], "QUEUED");
    let first = receiver.event("message.delivered").await;

    // What a processor does after a commit, but for the publish, which got lost.
    let mut second = first.clone();
    second["seq"] = json!(2);
    second["content"] = json!("second");
    let url = std::env::var("TEST_REDIS_URL").unwrap();
    let redis = Redis::connect(&RedisConfig::from_url(url).unwrap())
        .await
        .unwrap();
    let id: RoomId = room.parse().unwrap();
    let entry = ring::Entry {
        seq: 2,
        message: second.to_string(),
    };
    announce::announce(&redis, &[(id, vec![entry])], &[])
        .await
        .unwrap();

    let lost = Instant::now();
    let late = receiver.event("message.delivered").await;
    assert!(lost.elapsed() < HEARTBEAT, "{:?}", lost.elapsed());
    assert_eq!(
        (&late["seq"], &late["content"]),
        (&json!(2), &json!("second"))
    );
    let text = chat.client.get(chat.url("/metrics")).send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(
        text.contains("chat_fanout_repaired_messages_total 1"),
        "{text}"
    );
    chat.stop().await;
}

/// A gateway that does sends itself and is killed between its commit and its publish.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_stored_and_not_told_is_told_before_the_next() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut sender = chat.connect(&ada).await;
    let mut receiver = chat.connect(&bob).await;
    let sent = json!({"roomId": room, "content": "told"});
    assert_eq!(sender.emit("message.send", &sent).await["status"], "QUEUED");
    let first = receiver.event("message.delivered").await;
    let pool = sqlx::PgPool::connect(&chat.backends().database.url)
        .await
        .unwrap();
    for statement in [
        "INSERT INTO messages SELECT (jsonb_populate_record(stored, jsonb_build_object(
             'seq', 2, 'message_id', gen_random_uuid(), 'job_id', gen_random_uuid(), 'client_msg_id', 'untold',
             'client_id_lasts', false, 'content', 'untold'))).* FROM messages AS stored WHERE room_id = $1",
        "UPDATE rooms SET last_seq = 2 WHERE room_id = $1",
    ] {
        let id: uuid::Uuid = room.parse().unwrap();
        sqlx::query(statement).bind(id).execute(&pool).await.unwrap();
    }

    let began = Instant::now();
    assert_eq!(sender.emit("message.send", &sent).await["status"], "QUEUED");
    let untold = receiver.event("message.delivered").await;
    assert_eq!(
        (&untold["seq"], &untold["content"], &untold["senderId"]),
        (&json!(2), &json!("untold"), &first["senderId"])
    );
    assert_eq!(receiver.event("message.delivered").await["seq"], 3);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    chat.stop().await;
}
