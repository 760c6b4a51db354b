//! Friends and blocks.

use chat_backends::postgres::friends;
use chat_core::error::ErrorCode;
use chat_core::ids::{FriendRequestId, UserId};
use chat_core::job::Act;
use chat_core::protocol::client;
use chat_core::protocol::objects::PresenceStatus;
use chat_processor::commands::friend::{self, Answer};
use chat_processor::commands::{block, commit, contacts};
use chat_processor::effects::Target;

use crate::scene::{Scene, actor, heard, on_scene, refused, unknown};

const fn asking(user: UserId) -> client::FriendRequest {
    client::FriendRequest {
        user_id: Some(user),
        email: None,
        username: None,
    }
}

const fn to(request_id: FriendRequestId) -> client::FriendAnswer {
    client::FriendAnswer { request_id }
}

const fn blocking(user_id: UserId) -> client::BlockUser {
    client::BlockUser { user_id }
}

async fn befriend(scene: &Scene, one: UserId, other: UserId) {
    let context = &scene.context;
    let request = friend::run(context, &actor(one), asking(other))
        .await
        .unwrap();
    friend::run_answer(context, &actor(other), to(request.id), Answer::Accept)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_asked_once_and_answered_by_its_receiver() {
    on_scene(async |scene| {
        let [alice, bob, eve] = scene.users().await;
        let context = &scene.context;
        let checked = friend::check(context, &actor(alice), asking(bob))
            .await
            .unwrap();
        let effects = scene.perform(&checked.job).await;
        let both = [Target::User(alice), Target::User(bob)];
        assert_eq!(
            heard(&effects),
            both.map(|target| ("friend.requested", target))
        );
        for (asker, asked) in [(alice, bob), (bob, alice)] {
            let again = friend::check(context, &actor(asker), asking(asked)).await;
            assert_eq!(refused(again), ErrorCode::RequestPending);
        }
        let id = checked.request_id;
        let answer = async |user, id, answer| {
            friend::check_answer(context, &actor(user), to(id), answer).await
        };
        assert_eq!(
            refused(answer(alice, id, Answer::Accept).await),
            ErrorCode::Forbidden
        );
        assert_eq!(
            refused(answer(eve, id, Answer::Refuse).await),
            ErrorCode::Forbidden
        );
        assert_eq!(
            refused(answer(bob, id, Answer::Cancel).await),
            ErrorCode::Forbidden
        );
        assert_eq!(
            refused(answer(bob, unknown(), Answer::Accept).await),
            ErrorCode::NotFound
        );
        let job = answer(bob, id, Answer::Accept).await.unwrap();
        for _ in 0..2 {
            let effects = scene.perform(&job).await;
            assert_eq!(
                heard(&effects),
                both.map(|target| ("friend.accepted", target))
            );
        }
        let known = friend::check(context, &actor(alice), asking(bob)).await;
        assert_eq!(refused(known), ErrorCode::FriendExists);
        assert_eq!(
            refused(answer(bob, id, Answer::Refuse).await),
            ErrorCode::NotFound
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_name_its_receiver_in_three_ways() {
    on_scene(async |scene| {
        let [alice, bob, carol] = scene.users().await;
        let context = &scene.context;
        let by = async |user_id, email: Option<String>, username: Option<String>| {
            let request = client::FriendRequest {
                user_id,
                email,
                username,
            };
            friend::check(context, &actor(alice), request).await
        };
        let email = format!("U{}@Example.org", bob.uuid().simple());
        assert!(by(None, Some(email), None).await.is_ok());
        let username = format!("u{}", carol.uuid().simple());
        assert!(by(None, None, Some(username)).await.is_ok());
        let nobody = by(None, None, Some("nobody".to_owned())).await;
        assert_eq!(refused(nobody), ErrorCode::UserNotFound);
        assert_eq!(
            refused(by(Some(unknown()), None, None).await),
            ErrorCode::UserNotFound
        );
        assert_eq!(
            refused(by(Some(alice), None, None).await),
            ErrorCode::ValidationFailed
        );
        assert_eq!(
            refused(by(None, None, None).await),
            ErrorCode::ValidationFailed
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_taken_back_and_a_friendship_ends() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let context = &scene.context;
        let request = friend::run(context, &actor(alice), asking(bob))
            .await
            .unwrap();
        let job = friend::check_answer(context, &actor(alice), to(request.id), Answer::Cancel)
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(effects[0].fanout.event, "friend.cancelled");
        let remove = |user_id| client::FriendRemove { user_id };
        let none = friend::check_remove(context, &actor(alice), remove(bob)).await;
        assert_eq!(refused(none), ErrorCode::NotFound);
        befriend(scene, alice, bob).await;
        let job = friend::check_remove(context, &actor(alice), remove(bob))
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(heard(&effects).len(), 2);
        assert!(!friends::are_friends(&context.pg, alice, bob).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_ends_the_friendship_and_only_the_blocker_hears_of_it() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let context = &scene.context;
        befriend(scene, alice, bob).await;
        let job = block::check(context, &actor(alice), blocking(bob), true)
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(heard(&effects), [("block.changed", Target::User(alice))]);
        assert!(!friends::are_friends(&context.pg, alice, bob).await.unwrap());
        let asked = friend::check(context, &actor(bob), asking(alice)).await;
        assert_eq!(refused(asked), ErrorCode::Blocked);
        block::run(context, &actor(alice), blocking(bob), false)
            .await
            .unwrap();
        assert!(
            friend::check(context, &actor(bob), asking(alice))
                .await
                .is_ok()
        );
        let nobody = block::check(context, &actor(alice), blocking(unknown()), true).await;
        assert_eq!(refused(nobody), ErrorCode::UserNotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_pair_is_offline_to_each_other() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        scene.group(&[alice, bob]).await;
        let context = &scene.context;
        scene.connect(alice).await;
        let asked = client::PresenceUsers {
            user_ids: vec![alice],
        };
        let seen = async || {
            let shown = contacts::presence(context, &actor(bob), &asked)
                .await
                .unwrap();
            shown[0].status
        };
        assert_eq!(seen().await, PresenceStatus::Online);
        assert_eq!(contacts::of(context, alice).await.unwrap(), [bob]);
        block::run(context, &actor(alice), blocking(bob), true)
            .await
            .unwrap();
        assert_eq!(seen().await, PresenceStatus::Offline);
        assert!(contacts::of(context, alice).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_are_remembered_follow_every_change() {
    on_scene(async |scene| {
        let [alice, bob, cleo] = scene.users().await;
        let context = &scene.context;
        let room = scene.group(&[alice, cleo]).await;
        let contacts_of = async |user| {
            let stored = contacts::of(context, user).await.unwrap();
            // What is remembered is what is stored.
            assert_eq!(contacts::of(context, user).await.unwrap(), stored);
            stored
        };
        assert_eq!(contacts_of(alice).await, [cleo]);
        assert!(contacts_of(bob).await.is_empty());
        befriend(scene, alice, bob).await;
        assert_eq!(contacts_of(alice).await, [bob, cleo]);
        assert_eq!(contacts_of(bob).await, [alice]);

        let leave = actor(cleo).job(Some(room), Act::LeaveRoom {});
        commit::commit(context, &leave).await.unwrap();
        assert_eq!(contacts_of(alice).await, [bob]);
        assert!(contacts_of(cleo).await.is_empty());

        block::run(context, &actor(bob), blocking(alice), true)
            .await
            .unwrap();
        assert!(contacts_of(alice).await.is_empty());
        assert!(contacts_of(bob).await.is_empty());
    })
    .await;
}
