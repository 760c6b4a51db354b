use chat_test_support::eventually;
use std::time::Duration;

use chat_backends::redis::heartbeat::Heartbeats;
use chat_core::ids::JobId;

use crate::fixture::redis;

#[tokio::test]
async fn the_living_are_listed_in_order_and_the_silent_disappear() {
    let redis = redis().await;
    let list = Heartbeats::named(
        format!("chat:test:{}", JobId::random()),
        Duration::from_millis(300),
    );
    assert_eq!(list.beat(&redis, "p-2").await.unwrap(), ["p-2"]);
    assert_eq!(list.beat(&redis, "p-1").await.unwrap(), ["p-1", "p-2"]);
    assert_eq!(
        list.beat(&redis, "p-3").await.unwrap(),
        ["p-1", "p-2", "p-3"]
    );
    list.leave(&redis, "p-3").await.unwrap();
    assert_eq!(list.live(&redis).await.unwrap(), ["p-1", "p-2"]);
    eventually("p-1 is forgotten, p-2 beats on", async || {
        list.beat(&redis, "p-2").await.unwrap() == ["p-2"]
    })
    .await;
}

#[tokio::test]
async fn a_member_learns_that_it_was_off_the_list() {
    let redis = redis().await;
    let timeout = Duration::from_millis(200);
    let list = Heartbeats::named(format!("chat:test:{}", JobId::random()), timeout);
    assert!(
        list.beat_or_rejoin(&redis, "g").await.unwrap(),
        "the first beat"
    );
    assert!(!list.beat_or_rejoin(&redis, "g").await.unwrap());
    tokio::time::sleep(timeout * 2).await;
    assert!(
        list.beat_or_rejoin(&redis, "g").await.unwrap(),
        "after a silence"
    );
}
