use chat_backends::redis::members::{self, Membership};
use chat_core::ids::{RoomId, UserId};

use crate::fixture::redis;

#[tokio::test]
async fn a_room_that_is_not_cached_is_unknown_and_a_cached_one_says_yes_or_no() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    let users: Vec<UserId> = (0..3).map(|_| UserId::random()).collect();
    let check = async |user| members::check(&redis, room, user).await.unwrap();
    assert_eq!(check(users[0]).await, Membership::Unknown);
    assert_eq!(members::list(&redis, room).await.unwrap(), None);

    let version = members::version(&redis, room).await.unwrap();
    assert!(
        members::fill(&redis, room, version, &users[..2])
            .await
            .unwrap()
    );
    assert_eq!(check(users[0]).await, Membership::Member);
    assert_eq!(check(users[2]).await, Membership::NotMember);
    let mut listed = members::list(&redis, room).await.unwrap().unwrap();
    listed.sort_unstable();
    let mut expected = users[..2].to_vec();
    expected.sort_unstable();
    assert_eq!(listed, expected);

    members::invalidate(&redis, room).await.unwrap();
    assert_eq!(check(users[0]).await, Membership::Unknown);
}

#[tokio::test]
async fn a_fill_that_was_read_before_a_change_never_lands_after_it() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    let (stays, leaves) = (UserId::random(), UserId::random());
    let stale = members::version(&redis, room).await.unwrap();
    // Meanwhile the user leaves and the cache is invalidated.
    members::invalidate(&redis, room).await.unwrap();
    assert!(
        !members::fill(&redis, room, stale, &[stays, leaves])
            .await
            .unwrap()
    );
    assert_eq!(
        members::check(&redis, room, leaves).await.unwrap(),
        Membership::Unknown
    );
    let fresh = members::version(&redis, room).await.unwrap();
    assert!(members::fill(&redis, room, fresh, &[stays]).await.unwrap());
    assert_eq!(
        members::check(&redis, room, leaves).await.unwrap(),
        Membership::NotMember
    );
}

#[tokio::test]
async fn a_large_room_is_cached_whole() {
    let redis = redis().await;
    let room = RoomId::now_v7();
    let users: Vec<UserId> = (0..2500).map(|_| UserId::random()).collect();
    let version = members::version(&redis, room).await.unwrap();
    assert!(members::fill(&redis, room, version, &users).await.unwrap());
    assert_eq!(
        members::list(&redis, room).await.unwrap().unwrap().len(),
        2500
    );
}
