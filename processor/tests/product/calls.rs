//! Calls, from the first ring to the message that they leave.

use chat_backends::postgres::blocks;
use chat_backends::redis::presence;
use chat_core::error::ErrorCode;
use chat_core::ids::{CallId, RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::client::{self, SignalKind};
use chat_core::protocol::objects::{CallMedia, CallState};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use chat_processor::commands::deserted_call::{DESERTED_FOR, DesertedCalls};
use chat_processor::commands::{call, call_signal, initiate_call};
use chat_processor::effects::{Effect, Target};
use chat_test_support::until;

use crate::scene::{Scene, actor, heard, on_scene, refused, unknown};

const fn ring(room_id: RoomId) -> client::CallInitiate {
    client::CallInitiate {
        room_id,
        media: CallMedia::Video,
        sdp: None,
    }
}

const fn answer(call_id: CallId) -> client::CallAnswer {
    client::CallAnswer { call_id, sdp: None }
}

const fn refuse(call_id: CallId) -> client::CallRefuse {
    client::CallRefuse {
        call_id,
        reason: None,
    }
}

const fn close(call_id: CallId) -> client::CallClose {
    client::CallClose { call_id }
}

/// Two who are connected, their dm, and a call that rings.
async fn ringing(scene: &Scene) -> (UserId, UserId, RoomId, CallId) {
    let [alice, bob] = scene.users().await;
    let room = scene.dm(alice, bob).await;
    scene.connect(bob).await;
    let checked = initiate_call::check(&scene.context, &actor(alice), ring(room)).await;
    let checked = checked.unwrap();
    let effects = scene.perform(&checked.job).await;
    assert_eq!(heard(&effects), [("call.ringing", Target::Room(room))]);
    assert_eq!(effects[0].fanout.except_user, Some(alice));
    (alice, bob, room, checked.call_id)
}

async fn messages(scene: &Scene, room: RoomId) -> Vec<(i64, String)> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT seq, call->>'state' FROM messages WHERE room_id = $1 AND kind = 'call' ORDER BY seq",
    )
    .bind(room.uuid())
    .fetch_all(&scene.context.pg)
    .await
    .unwrap();
    rows
}

/// Waits until the grace after the last socket is over.
async fn go_offline(scene: &Scene, user: UserId) {
    let redis = &scene.context.redis;
    presence::disconnect(redis, user, "gateway-test", "socket")
        .await
        .unwrap();
    until("the user is offline", async || {
        let is_offline = presence::expire(redis, user).await.unwrap();
        is_offline.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_call_leaves_one_message_when_it_ends() {
    on_scene(async |scene| {
        let (alice, bob, room, id) = ringing(scene).await;
        let context = &scene.context;
        let ongoing = call::answer(context, &actor(bob), answer(id))
            .await
            .unwrap();
        assert_eq!(ongoing.state, CallState::Ongoing);
        assert!(messages(scene, room).await.is_empty());
        let ended = call::close(context, &actor(alice), close(id))
            .await
            .unwrap();
        assert_eq!(ended.state, CallState::Ended);
        assert!(ended.duration_ms.is_some());
        assert_eq!(messages(scene, room).await, [(1, "ended".to_owned())]);
        let late = call::close(context, &actor(bob), close(id)).await;
        assert_eq!(refused(late), ErrorCode::CallEnded);
        let late = call::answer(context, &actor(bob), answer(id)).await;
        assert_eq!(refused(late), ErrorCode::CallEnded);
        assert_eq!(messages(scene, room).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_refused_by_the_called_and_cancelled_by_the_caller() {
    on_scene(async |scene| {
        let (alice, bob, room, id) = ringing(scene).await;
        let context = &scene.context;
        let own = call::refuse(context, &actor(alice), refuse(id)).await;
        assert_eq!(refused(own), ErrorCode::Forbidden);
        let over = call::refuse(context, &actor(bob), refuse(id))
            .await
            .unwrap();
        assert_eq!(over.state, CallState::Refused);
        let late = call::refuse(context, &actor(bob), refuse(id)).await;
        assert_eq!(refused(late), ErrorCode::CallEnded);
        let next = initiate_call::check(context, &actor(alice), ring(room))
            .await
            .unwrap();
        scene.perform(&next.job).await;
        let over = call::close(context, &actor(alice), close(next.call_id)).await;
        assert_eq!(over.unwrap().state, CallState::Cancelled);
        let states: Vec<_> = messages(scene, room).await;
        let expected = [(1, "refused".to_owned()), (2, "cancelled".to_owned())];
        assert_eq!(states, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_takes_is_missed() {
    on_scene(async |scene| {
        let (_, bob, room, id) = ringing(scene).await;
        let context = &scene.context;
        let soon = Timestamp::now();
        assert_eq!(
            initiate_call::give_up_unanswered(context, soon)
                .await
                .unwrap(),
            0
        );
        let late = soon + limits::CALL_RINGS;
        let given_up = initiate_call::give_up_unanswered(context, late + limits::CALL_RINGS);
        assert_eq!(given_up.await.unwrap(), 1);
        assert_eq!(messages(scene, room).await, [(1, "missed".to_owned())]);
        let answered = call::answer(context, &actor(bob), answer(id)).await;
        assert_eq!(refused(answered), ErrorCode::CallEnded);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_people_have_been_gone_for_a_minute_is_over() {
    on_scene(async |scene| {
        let (_, bob, room, id) = ringing(scene).await;
        let context = &scene.context;
        call::answer(context, &actor(bob), answer(id))
            .await
            .unwrap();
        let mut deserted = DesertedCalls::default();
        let mut now = Timestamp::now();
        // As long as one of them is there, it goes on.
        for _ in 0..3 {
            now = now + DESERTED_FOR;
            assert_eq!(deserted.end(context, now).await.unwrap(), 0);
        }
        go_offline(scene, bob).await;
        assert_eq!(deserted.end(context, now).await.unwrap(), 0);
        assert!(messages(scene, room).await.is_empty());
        // Who comes back meanwhile keeps it.
        scene.connect(bob).await;
        now = now + DESERTED_FOR;
        assert_eq!(deserted.end(context, now).await.unwrap(), 0);
        go_offline(scene, bob).await;
        assert_eq!(deserted.end(context, now).await.unwrap(), 0);
        now = now + DESERTED_FOR;
        assert_eq!(deserted.end(context, now).await.unwrap(), 1);
        assert_eq!(messages(scene, room).await, [(1, "ended".to_owned())]);
        assert_eq!(deserted.end(context, now).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_online_makes_a_call_unavailable() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.dm(alice, bob).await;
        let checked = initiate_call::check(&scene.context, &actor(alice), ring(room)).await;
        let effects = scene.perform(&checked.unwrap().job).await;
        assert_eq!(
            heard(&effects)[0],
            ("call.unavailable", Target::User(alice))
        );
        assert_eq!(messages(scene, room).await, [(1, "unavailable".to_owned())]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_call_at_once_one_gets_through() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.dm(alice, bob).await;
        let context = &scene.context;
        for user in [alice, bob] {
            scene.connect(user).await;
        }
        let one = initiate_call::check(context, &actor(alice), ring(room))
            .await
            .unwrap();
        let other = initiate_call::check(context, &actor(bob), ring(room))
            .await
            .unwrap();
        assert_eq!(heard(&scene.perform(&one.job).await)[0].0, "call.ringing");
        let effects: Vec<Effect> = scene.perform(&other.job).await;
        assert_eq!(heard(&effects), [("call.unavailable", Target::User(bob))]);
        let ServerEvent::CallUnavailable { reason, .. } = effects[0].fanout.typed().unwrap() else {
            panic!("not unavailable");
        };
        assert_eq!(reason, chat_core::protocol::server::UnavailableReason::Busy);
        let third = initiate_call::check(context, &actor(alice), ring(room)).await;
        assert_eq!(refused(third), ErrorCode::CallBusy);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_members_call_and_never_across_a_block() {
    on_scene(async |scene| {
        let [alice, bob, stranger] = scene.users().await;
        let room = scene.dm(alice, bob).await;
        let context = &scene.context;
        let by = initiate_call::check(context, &actor(stranger), ring(room)).await;
        assert_eq!(refused(by), ErrorCode::NotMember);
        let by = initiate_call::check(context, &actor(alice), ring(unknown())).await;
        assert_eq!(refused(by), ErrorCode::RoomNotFound);
        let by = call::answer(context, &actor(bob), answer(unknown())).await;
        assert_eq!(refused(by), ErrorCode::CallNotFound);
        blocks::add(&context.pg, bob, alice, Timestamp::now())
            .await
            .unwrap();
        let by = initiate_call::check(context, &actor(alice), ring(room)).await;
        assert_eq!(refused(by), ErrorCode::Blocked);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_needs_a_live_call_and_a_bounded_payload() {
    on_scene(async |scene| {
        let (alice, bob, _, id) = ringing(scene).await;
        let context = &scene.context;
        let signal = |call_id, to_user_id, data: &str| client::CallSignal {
            call_id,
            kind: SignalKind::Ice,
            data: serde_json::value::to_raw_value(data).unwrap(),
            to_user_id,
        };
        let by = async |signal| call_signal::run(context, &actor(alice), signal).await;
        by(signal(id, Some(bob), "candidate")).await.unwrap();
        assert_eq!(
            refused(by(signal(unknown(), None, "x")).await),
            ErrorCode::CallNotFound
        );
        let stranger = Some(unknown());
        assert_eq!(
            refused(by(signal(id, stranger, "x")).await),
            ErrorCode::UserNotFound
        );
        let long = "x".repeat(limits::SIGNAL_BYTES);
        assert_eq!(
            refused(by(signal(id, None, &long)).await),
            ErrorCode::ValidationFailed
        );
        call::close(context, &actor(alice), close(id))
            .await
            .unwrap();
        assert_eq!(
            refused(by(signal(id, None, "x")).await),
            ErrorCode::CallEnded
        );
    })
    .await;
}
