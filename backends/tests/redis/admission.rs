use std::time::Duration;

use chat_backends::redis::admission::{Admission, Send, admit, note_sender};
use chat_backends::redis::dedup::{self, Claim};
use chat_backends::redis::members;
use chat_backends::redis::rate_limit::TokenBucket;
use chat_core::ids::{JobId, RoomId, UserId};

use crate::fixture::redis;

const BUCKET: TokenBucket = TokenBucket {
    burst: 100,
    per_second: 1.0,
};

fn send(user: UserId, room: RoomId, client_msg_id: &str) -> Send<'_> {
    Send {
        user,
        room,
        client_msg_id,
        job: JobId::now_v7(),
        content: "",
    }
}

#[tokio::test]
async fn a_sender_is_unknown_until_noted_and_again_after_any_change_of_the_room() {
    let redis = redis().await;
    let (user, room) = (UserId::random(), RoomId::now_v7());
    let ask = async |id| {
        admit(&redis, send(user, room, id), BUCKET, false)
            .await
            .unwrap()
    };
    assert_eq!(ask("1").await, Admission::Unknown);

    let stale = members::version(&redis, room).await.unwrap();
    members::invalidate(&redis, room).await.unwrap();
    assert!(!note_sender(&redis, room, user, stale).await.unwrap());
    assert_eq!(
        ask("1").await,
        Admission::Unknown,
        "a stale answer was noted"
    );

    let version = members::version(&redis, room).await.unwrap();
    assert!(note_sender(&redis, room, user, version).await.unwrap());
    assert_eq!(ask("1").await, Admission::Admitted(Claim::First));
    members::invalidate(&redis, room).await.unwrap();
    assert_eq!(ask("2").await, Admission::Unknown);
    let asked = admit(&redis, send(user, room, "2"), BUCKET, true)
        .await
        .unwrap();
    assert_eq!(asked, Admission::Admitted(Claim::First));
}

#[tokio::test]
async fn an_unknown_sender_and_a_limited_one_are_not_counted_further() {
    let redis = redis().await;
    let (user, room) = (UserId::random(), RoomId::now_v7());
    let bucket = TokenBucket {
        burst: 2,
        per_second: 10.0,
    };
    for _ in 0..5 {
        let asked = admit(&redis, send(user, room, "1"), bucket, false)
            .await
            .unwrap();
        assert_eq!(asked, Admission::Unknown);
    }
    for id in ["1", "2"] {
        let asked = admit(&redis, send(user, room, id), bucket, true)
            .await
            .unwrap();
        assert_eq!(asked, Admission::Admitted(Claim::First));
    }
    let asked = admit(&redis, send(user, room, "3"), bucket, true)
        .await
        .unwrap();
    let Admission::Limited { retry_after } = asked else {
        panic!("{asked:?}");
    };
    assert!(retry_after <= Duration::from_millis(100), "{retry_after:?}");
    let claimed = dedup::look_up(&redis, user, room, "3").await.unwrap();
    assert_eq!(claimed, None, "a refused send claimed its id");
}

#[tokio::test]
async fn a_repeat_learns_the_first_job_and_is_no_spam() {
    let redis = redis().await;
    let (user, room) = (UserId::random(), RoomId::now_v7());
    let first = Send {
        content: "hello",
        ..send(user, room, "1")
    };
    let asked = admit(&redis, first, BUCKET, true).await.unwrap();
    assert_eq!(asked, Admission::Admitted(Claim::First));
    for _ in 0..20 {
        let again = Send {
            job: JobId::now_v7(),
            ..first
        };
        let asked = admit(&redis, again, BUCKET, true).await.unwrap();
        assert_eq!(asked, Admission::Admitted(Claim::Repeat(first.job)));
    }
}

#[tokio::test]
async fn the_sixth_send_of_one_content_is_spam_and_leaves_no_claim() {
    let redis = redis().await;
    let (user, room) = (UserId::random(), RoomId::now_v7());
    let ids: Vec<String> = (1..=6).map(|n| n.to_string()).collect();
    for (n, id) in (1..).zip(&ids) {
        let spam = Send {
            content: "buy now",
            ..send(user, room, id)
        };
        let asked = admit(&redis, spam, BUCKET, true).await.unwrap();
        if n < 6 {
            assert_eq!(asked, Admission::Admitted(Claim::First), "send {n}");
        } else {
            assert_eq!(asked, Admission::Spam);
        }
    }
    assert_eq!(dedup::look_up(&redis, user, room, "6").await.unwrap(), None);
}
