use chat_backends::redis::spam::is_repeated_too_often;
use chat_core::ids::{RoomId, UserId};

use crate::fixture::redis;

#[tokio::test]
async fn the_sixth_repeat_is_spam_for_this_sender_room_and_content_only() {
    let redis = redis().await;
    let (user, room) = (UserId::random(), RoomId::now_v7());
    for n in 1..=8 {
        let id = format!("send-{n}");
        let spam = is_repeated_too_often(&redis, user, room, &id, "buy now")
            .await
            .unwrap();
        assert_eq!(spam, n >= 6, "send {n}");
    }
    for (user, room, content) in [
        (user, room, "buy later"),
        (UserId::random(), room, "buy now"),
        (user, RoomId::now_v7(), "buy now"),
    ] {
        assert!(
            !is_repeated_too_often(&redis, user, room, "another", content)
                .await
                .unwrap()
        );
    }
}

#[tokio::test]
async fn a_send_that_comes_again_under_its_id_is_no_spam_however_often() {
    let redis = redis().await;
    let (user, room) = (UserId::random(), RoomId::now_v7());
    for _ in 0..10 {
        let spam = is_repeated_too_often(&redis, user, room, "tmp-1", "is anybody there?")
            .await
            .unwrap();
        assert!(!spam);
    }
}
