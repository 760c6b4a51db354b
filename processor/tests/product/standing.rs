//! Slow mode, bans from rooms, drafts, replays: what binds whom.

use chat_backends::postgres::audit;
use chat_backends::postgres::event_groups::{self, Position};
use chat_core::error::ErrorCode;
use chat_core::protocol::client::{self, RoomChange, RoomUpdate};
use chat_core::protocol::objects::UserRole;
use chat_core::time::Timestamp;
use chat_processor::commands::{
    admin, ban_member, draft, invite, join_room, read, send_message, unread, update_room,
};
use chat_processor::groups::Group;
use chat_processor::groups::start::Start;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::scene::{actor, message, on_scene, refused};

#[tokio::test(flavor = "multi_thread")]
async fn slow_mode_makes_members_wait_and_admins_not() {
    on_scene(async |scene| {
        let [owner, member] = scene.users().await;
        let room = scene.group(&[owner, member]).await;
        let context = &scene.context;
        let slow = |seconds| RoomUpdate {
            room_id: room,
            change: RoomChange {
                slow_mode_seconds: Some(seconds),
                ..RoomChange::default()
            },
        };
        let too_slow = update_room::run(context, &actor(owner), slow(999_999)).await;
        assert_eq!(refused(too_slow), ErrorCode::ValidationFailed);
        let by_member = update_room::run(context, &actor(member), slow(60)).await;
        assert_eq!(refused(by_member), ErrorCode::Forbidden);
        let changed = update_room::run(context, &actor(owner), slow(60))
            .await
            .unwrap();
        assert_eq!(changed.slow_mode_seconds, 60);
        for user in [owner, member] {
            scene.say(room, user, "first").await;
        }
        let second = send_message::check(context, &actor(member), message(room, "second")).await;
        let refusal = second.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::RateLimited);
        assert!(refusal.retry_after.is_some());
        scene.say(room, owner, "second").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_banned_from_a_room_is_out_and_stays_out_until_the_ban_ends() {
    on_scene(async |scene| {
        let [owner, member] = scene.users().await;
        let room = scene.group(&[owner, member]).await;
        let context = &scene.context;
        let by_member = ban_member::run(context, &actor(member), (room, owner), "", None).await;
        assert_eq!(refused(by_member), ErrorCode::Forbidden);
        ban_member::run(context, &actor(owner), (room, member), "spam", None)
            .await
            .unwrap();
        let send = send_message::check(context, &actor(member), message(room, "x")).await;
        assert_eq!(refused(send), ErrorCode::NotMember);
        let bans = ban_member::list(context, &actor(owner), room)
            .await
            .unwrap();
        assert_eq!((bans[0].user_id, bans[0].reason.as_str()), (member, "spam"));
        let again = || client::RoomInvite {
            room_id: room,
            user_ids: vec![member],
            direct: true,
        };
        let invited = invite::run(context, &actor(owner), again()).await;
        assert_eq!(refused(invited), ErrorCode::Forbidden);
        let join = client::RoomJoin {
            room_id: room,
            invite_id: None,
        };
        refused(join_room::run(context, &actor(member), join).await);
        ban_member::lift(context, &actor(owner), room, member)
            .await
            .unwrap();
        let twice = ban_member::lift(context, &actor(owner), room, member).await;
        assert_eq!(refused(twice), ErrorCode::NotFound);
        invite::run(context, &actor(owner), again()).await.unwrap();
        scene.say(room, member, "back").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_its_writers_own_and_an_empty_one_is_none() {
    on_scene(async |scene| {
        let [alice, bob, stranger] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let context = &scene.context;
        draft::set(
            context,
            &actor(alice),
            room,
            "to be <script>x</script>continued",
        )
        .await
        .unwrap();
        let kept = draft::of_room(context, &actor(alice), room).await.unwrap();
        assert_eq!(kept.unwrap().content, "to be continued");
        assert!(
            draft::of_room(context, &actor(bob), room)
                .await
                .unwrap()
                .is_none()
        );
        let outside = draft::set(context, &actor(stranger), room, "x").await;
        assert_eq!(refused(outside), ErrorCode::NotMember);
        let long = "x".repeat(context.policy.max_content_chars + 1);
        let long = draft::set(context, &actor(alice), room, &long).await;
        assert_eq!(refused(long), ErrorCode::ContentTooLarge);
        draft::set(context, &actor(alice), room, "").await.unwrap();
        assert!(
            draft::list(context, &actor(alice))
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_moves_one_group_and_is_in_the_audit_log_with_its_address() {
    on_scene(async |scene| {
        let user = scene.user().await;
        let root = scene.user_of_role(UserRole::Admin).await;
        let context = &scene.context;
        let by_user = admin::replay(context, &actor(user), Group::Audit, Start::First).await;
        assert_eq!(refused(by_user), ErrorCode::Forbidden);
        admin::replay(context, &actor(root), Group::Audit, Start::Offset(7))
            .await
            .unwrap();
        let mut transaction = context.pg.begin().await.unwrap();
        let now = Timestamp::now();
        let groups = [Group::Audit, Group::Analytics].map(Group::name);
        let places = event_groups::lock(&mut transaction, &groups, now).await;
        assert_eq!(places.unwrap(), [Position::at(7), Position::at(0)]);
        let filter = audit::Filter {
            action: Some("log.replay"),
            ..audit::Filter::default()
        };
        let entries = audit::list(&context.pg, filter, 9).await.unwrap();
        assert_eq!(
            (entries.len(), entries[0].ip.as_deref()),
            (1, Some("192.0.2.1"))
        );
    })
    .await;
}

/// What two people do in their room.
#[derive(Debug, Clone, Copy)]
enum Step {
    Say(usize),
    ReadUpTo(usize, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..2_usize).prop_map(Step::Say),
        (0..2_usize, 0..12_i64).prop_map(|(who, seq)| Step::ReadUpTo(who, seq)),
    ];
    proptest::collection::vec(step, 1..12)
}

#[test]
fn unread_is_what_a_recount_says_whatever_is_said_and_read() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let cases: Vec<Vec<Step>> = (0..12)
        .map(|_| steps().new_tree(&mut runner).unwrap().current())
        .collect();
    runtime.block_on(on_scene(async |scene| {
        for steps in cases {
            let people: [_; 2] = scene.users().await;
            let room = scene.group(&people).await;
            let (mut said, mut read_up_to) = (Vec::new(), [0_i64; 2]);
            for step in &steps {
                match *step {
                    Step::Say(who) => {
                        scene
                            .say(room, people[who], &format!("{}", said.len()))
                            .await;
                        said.push(who);
                    }
                    Step::ReadUpTo(who, seq) => {
                        let up_to = read::UpTo::Seq(room, seq);
                        if read::run(&scene.context, &actor(people[who]), up_to)
                            .await
                            .is_ok()
                        {
                            let last = i64::try_from(said.len()).unwrap();
                            read_up_to[who] = read_up_to[who].max(seq.min(last));
                        }
                    }
                }
            }
            for who in 0..2 {
                let recount = said
                    .iter()
                    .zip(1_i64..)
                    .filter(|(sender, seq)| **sender != who && *seq > read_up_to[who])
                    .count();
                let counts = unread::run(&scene.context, &actor(people[who]))
                    .await
                    .unwrap();
                assert_eq!(
                    counts.total,
                    i64::try_from(recount).unwrap(),
                    "{steps:?} {who}"
                );
            }
        }
    }));
}
