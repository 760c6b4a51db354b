use chat_backends::redis::Redis;
use chat_backends::redis::graph::{self, Graph};
use chat_backends::redis::members::Version;
use chat_core::ids::{RoomId, UserId};
use chat_core::names;

use crate::fixture::{raw, redis};

fn sorted(mut graph: Graph) -> Graph {
    graph.friends.sort_unstable();
    graph.groups.sort_unstable();
    graph.blocked.sort_unstable();
    graph
}

async fn version(redis: &Redis, user: UserId) -> Version {
    let unknown = graph::unknown(redis, &[user]).await.unwrap();
    assert_eq!(unknown[0].0, user);
    unknown[0].1
}

#[tokio::test]
async fn what_was_filled_is_read_for_twelve_hours_and_what_was_forgotten_is_not() {
    let redis = redis().await;
    let user = UserId::random();
    assert_eq!(graph::read(&redis, user).await.unwrap(), None);
    let filled = sorted(Graph {
        friends: (0..1500).map(|_| UserId::random()).collect(),
        groups: vec![RoomId::now_v7(), RoomId::now_v7()],
        blocked: vec![],
    });
    let version = version(&redis, user).await;
    assert!(graph::fill(&redis, user, version, &filled).await.unwrap());
    let read = graph::read(&redis, user).await.unwrap().unwrap();
    assert_eq!(sorted(read), filled);
    let stranger = UserId::random();
    let unknown = graph::unknown(&redis, &[user, stranger]).await.unwrap();
    assert_eq!(unknown.len(), 1);
    assert_eq!(unknown[0].0, stranger);
    for key in [names::graph_friends(user), names::graph_groups(user)] {
        let lasts: i64 = ::redis::cmd("TTL")
            .arg(&key)
            .query_async(&mut raw().await)
            .await
            .unwrap();
        assert!(
            (12 * 3600 - 5..=12 * 3600).contains(&lasts),
            "{key}: {lasts}"
        );
    }
    graph::forget(&redis, user).await.unwrap();
    assert_eq!(graph::read(&redis, user).await.unwrap(), None);
}

#[tokio::test]
async fn somebody_without_anybody_is_known_too() {
    let redis = redis().await;
    let user = UserId::random();
    let version = version(&redis, user).await;
    let nobody = Graph::default();
    assert!(graph::fill(&redis, user, version, &nobody).await.unwrap());
    assert_eq!(graph::read(&redis, user).await.unwrap(), Some(nobody));
}

#[tokio::test]
async fn a_graph_that_was_read_before_a_change_never_lands_after_it() {
    let redis = redis().await;
    let user = UserId::random();
    let stale = version(&redis, user).await;
    graph::forget(&redis, user).await.unwrap();
    let before = Graph {
        friends: vec![UserId::random()],
        ..Graph::default()
    };
    assert!(!graph::fill(&redis, user, stale, &before).await.unwrap());
    assert_eq!(graph::read(&redis, user).await.unwrap(), None);
}
