//! Stories: for friends, for a day.

use std::time::Duration;

use chat_core::error::ErrorCode;
use chat_core::ids::{StoryId, UserId};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::Story;
use chat_core::time::Timestamp;
use chat_processor::commands::friend::{self, Answer};
use chat_processor::commands::story;
use chat_processor::effects::Target;

use crate::scene::{Scene, actor, heard, on_scene, refused, unknown};

async fn tell(scene: &Scene, user: UserId, content: &str) -> Story {
    let create = client::StoryCreate {
        content: Some(content.to_owned()),
        attachment_id: None,
    };
    story::create(&scene.context, &actor(user), create, None)
        .await
        .unwrap()
}

/// Two friends and somebody else.
async fn friends(scene: &Scene) -> [UserId; 3] {
    let [alice, bob, eve] = scene.users().await;
    let request = client::FriendRequest {
        user_id: Some(bob),
        email: None,
        username: None,
    };
    let context = &scene.context;
    let request = friend::run(context, &actor(alice), request).await.unwrap();
    let answer = client::FriendAnswer {
        request_id: request.id,
    };
    friend::run_answer(context, &actor(bob), answer, Answer::Accept)
        .await
        .unwrap();
    [alice, bob, eve]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_seen_by_friends_only_and_a_view_counts_once() {
    on_scene(async |scene| {
        let [alice, bob, eve] = friends(scene).await;
        let told = tell(scene, alice, "<i>today</i>").await;
        assert_eq!(told.content, "today");
        let context = &scene.context;
        let look = client::StoryRef { story_id: told.id };
        let foreign = story::check_view(context, &actor(eve), look.clone()).await;
        assert_eq!(refused(foreign), ErrorCode::StoryNotFound);
        let job = story::check_view(context, &actor(bob), look).await.unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(heard(&effects), [("story.viewed", Target::User(alice))]);
        assert!(scene.perform(&job).await.is_empty());
        let seen = story::view(context, &actor(alice), told.id).await.unwrap();
        assert_eq!(seen.view_count, 1);
        assert_eq!(story::list(context, &actor(bob)).await.unwrap().len(), 1);
        assert!(story::list(context, &actor(eve)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_like_counts_once_and_comments_are_for_those_who_see() {
    on_scene(async |scene| {
        let [alice, bob, eve] = friends(scene).await;
        let id = tell(scene, alice, "hello").await.id;
        let context = &scene.context;
        for _ in 0..2 {
            story::like(context, &actor(bob), id, true).await.unwrap();
        }
        let shown = story::view(context, &actor(bob), id).await.unwrap();
        assert_eq!((shown.like_count, shown.liked_by_me), (1, true));
        let say = |content: &str| client::StoryComment {
            content: content.to_owned(),
        };
        let stored = story::comment(context, &actor(bob), id, say("nice"))
            .await
            .unwrap();
        assert_eq!((stored.user.id, stored.content.as_str()), (bob, "nice"));
        let foreign = story::comment(context, &actor(eve), id, say("nice")).await;
        assert_eq!(refused(foreign), ErrorCode::StoryNotFound);
        let empty = story::comment(context, &actor(bob), id, say(" ")).await;
        assert_eq!(refused(empty), ErrorCode::ValidationFailed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_ends_by_its_owner_or_after_a_day() {
    on_scene(async |scene| {
        let [alice, bob, _] = friends(scene).await;
        let context = &scene.context;
        let (one, other) = (
            tell(scene, alice, "one").await,
            tell(scene, alice, "two").await,
        );
        let foreign = story::delete(context, &actor(bob), one.id).await;
        assert_eq!(refused(foreign), ErrorCode::Forbidden);
        story::delete(context, &actor(alice), one.id).await.unwrap();
        let gone = async |id: StoryId| refused(story::view(context, &actor(bob), id).await);
        assert_eq!(gone(one.id).await, ErrorCode::StoryNotFound);
        assert_eq!(gone(unknown()).await, ErrorCode::StoryNotFound);
        assert_eq!(story::expire(context, Timestamp::now()).await.unwrap(), 0);
        let tomorrow = Timestamp::now() + limits::STORY_LASTS;
        assert_eq!(story::expire(context, tomorrow).await.unwrap(), 1);
        assert_eq!(gone(other.id).await, ErrorCode::StoryNotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_story_is_refused() {
    on_scene(async |scene| {
        let alice = scene.user().await;
        let create = client::StoryCreate {
            content: Some("<b></b>".to_owned()),
            attachment_id: None,
        };
        let told = story::create(&scene.context, &actor(alice), create, None).await;
        assert_eq!(refused(told), ErrorCode::EmptyContent);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_may_end_earlier_but_never_later_than_after_a_day() {
    on_scene(async |scene| {
        let alice = scene.user().await;
        let told = async |expires_at| {
            let create = client::StoryCreate {
                content: Some("soon gone".to_owned()),
                attachment_id: None,
            };
            story::create(&scene.context, &actor(alice), create, Some(expires_at)).await
        };
        let now = Timestamp::now();
        let hour = now + Duration::from_secs(3600);
        assert_eq!(
            told(hour).await.unwrap().expires_at.unix_millis(),
            hour.unix_millis()
        );
        for wrong in [now, now + limits::STORY_LASTS + Duration::from_secs(60)] {
            assert_eq!(refused(told(wrong).await), ErrorCode::ValidationFailed);
        }
    })
    .await;
}
