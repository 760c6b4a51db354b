//! Friends, blocks and stories.

use std::time::Duration;

use chat_backends::postgres::friends::{self, Asked};
use chat_backends::postgres::stories::{self, NewComment, NewStory, Which};
use chat_backends::postgres::users::{self, DmPolicy, UserPatch};
use chat_backends::postgres::{PgPool, blocks, rooms};
use chat_core::ids::{CommentId, FriendRequestId, RoomId, StoryId, UserId};
use chat_core::protocol::objects::FriendRequestStatus;
use chat_core::time::Timestamp;

use crate::database::{user, with_database};

async fn ask(pool: &PgPool, from: UserId, to: UserId) -> (FriendRequestId, Asked) {
    let id = FriendRequestId::now_v7();
    let mut conn = pool.acquire().await.unwrap();
    let asked = friends::ask(&mut conn, id, from, to, Timestamp::now())
        .await
        .unwrap();
    (id, asked)
}

async fn befriend(pool: &PgPool, one: UserId, other: UserId) {
    let (id, _) = ask(pool, one, other).await;
    assert!(
        friends::answer(pool, id, true, Timestamp::now())
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_ask_each_other_at_once_have_one_open_request() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let (first, second) = tokio::join!(ask(&pool, one, other), ask(&pool, other, one));
        let mut outcomes = [first.1, second.1];
        outcomes.sort_by_key(|asked| *asked != Asked::Open);
        assert_eq!(outcomes, [Asked::Open, Asked::Pending]);
        let open = friends::open_requests(&pool, one).await.unwrap();
        assert_eq!(open, friends::open_requests(&pool, other).await.unwrap());
        assert_eq!(open.len(), 1);
        assert!(
            friends::answer(&pool, open[0].id, true, Timestamp::now())
                .await
                .unwrap()
        );
        assert!(
            !friends::answer(&pool, open[0].id, false, Timestamp::now())
                .await
                .unwrap()
        );
        let answered = friends::request(&pool, open[0].id).await.unwrap().unwrap();
        assert_eq!(answered.status, FriendRequestStatus::Accepted);
        assert_eq!(friends::ids(&pool, one).await.unwrap(), [other]);
        assert_eq!(friends::list(&pool, other).await.unwrap()[0].id, one);
        assert_eq!(ask(&pool, other, one).await.1, Asked::Friends);
        assert!(friends::remove(&pool, other, one).await.unwrap());
        assert!(!friends::remove(&pool, one, other).await.unwrap());
        assert_eq!(ask(&pool, other, one).await.1, Asked::Open);
    })
    .await;
}

#[tokio::test]
async fn a_refused_or_cancelled_request_may_be_made_again() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let (first, _) = ask(&pool, one, other).await;
        assert!(
            friends::answer(&pool, first, false, Timestamp::now())
                .await
                .unwrap()
        );
        let (second, asked) = ask(&pool, one, other).await;
        assert_eq!(asked, Asked::Open);
        assert!(friends::cancel(&pool, second).await.unwrap());
        assert!(!friends::cancel(&pool, second).await.unwrap());
        assert_eq!(ask(&pool, one, other).await.1, Asked::Open);
        assert!(!friends::are_friends(&pool, one, other).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_block_ends_friendship_and_requests_and_closes_the_dm_both_ways() {
    with_database(|pool| async move {
        let (one, other, third) = (user(&pool).await, user(&pool).await, user(&pool).await);
        befriend(&pool, one, other).await;
        let mut conn = pool.acquire().await.unwrap();
        let (dm, _) = rooms::create_dm(&mut conn, RoomId::now_v7(), one, other, Timestamp::now())
            .await
            .unwrap();
        let now = Timestamp::now();
        assert!(blocks::add(&pool, one, other, now).await.unwrap());
        assert!(!blocks::add(&pool, one, other, now).await.unwrap());
        assert!(!friends::are_friends(&pool, other, one).await.unwrap());
        for member in [one, other] {
            assert!(
                rooms::access(&pool, dm, member)
                    .await
                    .unwrap()
                    .unwrap()
                    .blocked
            );
        }
        assert_eq!(
            blocks::between(&pool, other, &[one, third]).await.unwrap(),
            [one]
        );
        assert_eq!(
            blocks::blockers_of(&pool, other, &[one, third])
                .await
                .unwrap(),
            [one]
        );
        assert_eq!(blocks::blockers_of(&pool, one, &[other]).await.unwrap(), []);
        assert_eq!(blocks::list(&pool, one).await.unwrap()[0].id, other);
        assert_eq!(blocks::list(&pool, other).await.unwrap(), []);
        assert!(blocks::remove(&pool, one, other).await.unwrap());
        assert!(
            !rooms::access(&pool, dm, other)
                .await
                .unwrap()
                .unwrap()
                .blocked
        );
        ask(&pool, other, third).await;
        blocks::add(&pool, third, other, now).await.unwrap();
        assert_eq!(friends::open_requests(&pool, other).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_dm_policy_of_friends_lets_friends_in_only() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        assert!(users::open_to_dm(&pool, one, other).await.unwrap());
        let patch = UserPatch {
            dm_policy: Some(DmPolicy::Friends),
            ..UserPatch::default()
        };
        users::update(&pool, other, &patch, Timestamp::now())
            .await
            .unwrap();
        assert!(!users::open_to_dm(&pool, one, other).await.unwrap());
        befriend(&pool, one, other).await;
        assert!(users::open_to_dm(&pool, one, other).await.unwrap());
        assert!(
            !users::open_to_dm(&pool, one, UserId::now_v7())
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn a_story_is_seen_by_friends_until_its_time_is_over() {
    with_database(|pool| async move {
        let (owner, friend, stranger) = (user(&pool).await, user(&pool).await, user(&pool).await);
        befriend(&pool, owner, friend).await;
        let (now, end) = (
            Timestamp::now(),
            Timestamp::now() + Duration::from_secs(86_400),
        );
        let id = StoryId::now_v7();
        let story = NewStory {
            id,
            user_id: owner,
            content: "look".to_owned(),
            attachment_id: None,
            created_at: now,
            expires_at: end,
        };
        stories::insert(&pool, &story).await.unwrap();
        let seen = async |viewer, at| {
            stories::visible(&pool, viewer, Which::One(id), at, 10)
                .await
                .unwrap()
        };
        assert_eq!(seen(stranger, now).await, []);
        assert_eq!(seen(friend, end).await, []);
        assert_eq!(
            seen(friend, now).await[0].view_count,
            0,
            "looking at the list is no view"
        );

        assert!(stories::view(&pool, id, friend, now).await.unwrap());
        assert!(!stories::view(&pool, id, friend, now).await.unwrap());
        assert!(stories::like(&pool, id, friend, true, now).await.unwrap());
        assert!(!stories::like(&pool, id, friend, true, now).await.unwrap());
        let comment = NewComment {
            id: CommentId::now_v7(),
            story_id: id,
            user_id: friend,
            content: "nice".to_owned(),
            created_at: now,
        };
        assert!(stories::comment(&pool, &comment).await.unwrap());
        let mine = stories::visible(&pool, owner, Which::Of(owner), now, 10)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(
            (mine.view_count, mine.like_count, mine.comment_count),
            (1, 1, 1)
        );
        assert_eq!((mine.viewed_by_me, mine.liked_by_me), (false, false));
        let theirs = stories::visible(&pool, friend, Which::All, now, 10)
            .await
            .unwrap()
            .remove(0);
        assert_eq!((theirs.viewed_by_me, theirs.liked_by_me), (true, true));
        assert_eq!(
            stories::comments(&pool, id, 10).await.unwrap()[0].content,
            "nice"
        );
        assert!(
            !stories::delete_comment(&pool, comment.id, stranger)
                .await
                .unwrap()
        );
        assert!(
            stories::delete_comment(&pool, comment.id, owner)
                .await
                .unwrap()
        );
        assert!(stories::like(&pool, id, friend, false, now).await.unwrap());

        assert!(!stories::delete(&pool, id, friend).await.unwrap());
        assert_eq!(stories::expire(&pool, now, 10).await.unwrap(), []);
        assert_eq!(
            stories::expire(&pool, end, 10).await.unwrap(),
            [(id, owner)]
        );
        assert!(!stories::comment(&pool, &comment).await.unwrap());
    })
    .await;
}
