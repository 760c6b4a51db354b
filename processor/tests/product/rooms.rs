//! Rooms that change, are handed over, muted and deleted.

use chat_core::error::ErrorCode;
use chat_core::ids::RoomId;
use chat_core::protocol::client::{self, RoomChange};
use chat_core::protocol::objects::MemberRole;
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use chat_processor::commands::{
    change_role, create_room, delete_room, leave_room, mute_room, unread, update_room,
};
use chat_processor::effects::Target;

use crate::scene::{Scene, actor, heard, on_scene, refused, unknown};

fn titled(room_id: RoomId, title: &str) -> client::RoomUpdate {
    client::RoomUpdate {
        room_id,
        change: RoomChange {
            title: Some(title.to_owned()),
            ..RoomChange::default()
        },
    }
}

async fn role(scene: &Scene, room: RoomId, user: chat_core::ids::UserId) -> Option<MemberRole> {
    chat_backends::postgres::members::role(&scene.context.pg, room, user)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_member_hears_of_a_change_from_their_own_side() {
    on_scene(async |scene| {
        let [alice, bob, stranger] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let context = &scene.context;
        let by = async |user, room| {
            refused(update_room::check(context, &actor(user), titled(room, "New")).await)
        };
        assert_eq!(by(alice, unknown()).await, ErrorCode::RoomNotFound);
        assert_eq!(by(stranger, room).await, ErrorCode::NotMember);
        assert_eq!(by(bob, room).await, ErrorCode::Forbidden);
        let dm = scene.dm(alice, bob).await;
        assert_eq!(by(alice, dm).await, ErrorCode::NotAGroup);
        let job = update_room::check(context, &actor(alice), titled(room, "<b>New</b>")).await;
        let effects = scene.perform(&job.unwrap()).await;
        let mut told: Vec<(Option<String>, MemberRole)> = effects
            .iter()
            .map(|effect| match effect.fanout.typed().unwrap() {
                ServerEvent::RoomUpdated { room } => (room.title, room.my_role),
                other => panic!("not an update: {other:?}"),
            })
            .collect();
        told.sort();
        let title = Some("New".to_owned());
        let expected = [
            (title.clone(), MemberRole::Member),
            (title, MemberRole::Owner),
        ];
        assert_eq!(told, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_leaves_passes_the_room_on_and_the_last_one_deletes_it() {
    on_scene(async |scene| {
        let [owner, plain, admin] = scene.users().await;
        let room = scene.group(&[owner, plain, admin]).await;
        let context = &scene.context;
        let promote = client::RoomRole {
            room_id: room,
            user_id: admin,
            role: MemberRole::Admin,
        };
        change_role::run(context, &actor(owner), promote)
            .await
            .unwrap();
        let leave = async |user| {
            let room = client::RoomRef { room_id: room };
            let job = leave_room::check(context, &actor(user), room)
                .await
                .unwrap();
            scene.perform(&job).await
        };
        let effects = leave(owner).await;
        let expected = [
            ("control.leave", Target::User(owner)),
            ("room.member.left", Target::User(owner)),
            ("room.member.left", Target::Room(room)),
            ("room.member.role", Target::Room(room)),
        ];
        assert_eq!(heard(&effects), expected);
        assert_eq!(effects[2].fanout.except_user, Some(owner));
        assert_eq!(role(scene, room, admin).await, Some(MemberRole::Owner));
        assert_eq!(role(scene, room, owner).await, None);
        leave(admin).await;
        assert_eq!(role(scene, room, plain).await, Some(MemberRole::Owner));
        let effects = leave(plain).await;
        assert!(heard(&effects).contains(&("room.deleted", Target::Room(room))));
        let it = client::RoomRef { room_id: room };
        let gone = leave_room::check(context, &actor(plain), it).await;
        assert_eq!(refused(gone), ErrorCode::RoomNotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dm_is_not_left_and_a_redelivered_leave_does_not_take_a_returner_out() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let context = &scene.context;
        let dm = client::RoomRef {
            room_id: scene.dm(alice, bob).await,
        };
        let left = leave_room::check(context, &actor(alice), dm).await;
        assert_eq!(refused(left), ErrorCode::NotAGroup);
        let room = scene.group(&[alice, bob]).await;
        let it = client::RoomRef { room_id: room };
        let job = leave_room::check(context, &actor(bob), it).await.unwrap();
        scene.perform(&job).await;
        let mut connection = context.pg.acquire().await.unwrap();
        chat_backends::postgres::members::add(
            &mut connection,
            room,
            &[bob],
            MemberRole::Member,
            Timestamp::now(),
        )
        .await
        .unwrap();
        assert!(scene.perform(&job).await.is_empty());
        assert_eq!(role(scene, room, bob).await, Some(MemberRole::Member));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_changes_roles_and_hands_the_room_over() {
    on_scene(async |scene| {
        let [owner, alice, stranger] = scene.users().await;
        let room = scene.group(&[owner, alice]).await;
        let context = &scene.context;
        let change = |user_id, role| client::RoomRole {
            room_id: room,
            user_id,
            role,
        };
        let by = async |user, target, role| {
            refused(change_role::check(context, &actor(user), change(target, role)).await)
        };
        let admin = MemberRole::Admin;
        assert_eq!(by(stranger, alice, admin).await, ErrorCode::NotMember);
        assert_eq!(by(alice, alice, admin).await, ErrorCode::Forbidden);
        assert_eq!(by(owner, stranger, admin).await, ErrorCode::UserNotFound);
        assert_eq!(by(owner, owner, admin).await, ErrorCode::Forbidden);
        let over = change(alice, MemberRole::Owner);
        let job = change_role::check(context, &actor(owner), over)
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(
            heard(&effects),
            [("room.member.role", Target::Room(room)); 2]
        );
        assert_eq!(role(scene, room, alice).await, Some(MemberRole::Owner));
        assert_eq!(role(scene, room, owner).await, Some(admin));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_is_gone_for_everybody() {
    on_scene(async |scene| {
        let [owner, alice] = scene.users().await;
        let room = scene.group(&[owner, alice]).await;
        let context = &scene.context;
        let it = || client::RoomRef { room_id: room };
        let by = delete_room::check(context, &actor(alice), it()).await;
        assert_eq!(refused(by), ErrorCode::Forbidden);
        let job = delete_room::check(context, &actor(owner), it())
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(effects[0].target, Target::Room(room));
        let leavers = effects
            .iter()
            .filter(|it| it.fanout.event == "control.leave");
        assert_eq!(leavers.count(), 2);
        let again = delete_room::check(context, &actor(owner), it()).await;
        assert_eq!(refused(again), ErrorCode::RoomNotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_is_the_members_own() {
    on_scene(async |scene| {
        let [alice, stranger] = scene.users().await;
        let room = scene.group(&[alice]).await;
        let mute = || client::RoomMute {
            room_id: room,
            until: Timestamp::from_unix_millis(4_000_000_000_000),
        };
        let muted = mute_room::run(&scene.context, &actor(alice), mute()).await;
        assert_eq!(muted.unwrap().muted_until, mute().until);
        let by = mute_room::run(&scene.context, &actor(stranger), mute()).await;
        assert_eq!(refused(by), ErrorCode::NotMember);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_counts_what_others_said() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        scene.say(room, alice, "one").await;
        scene.say(room, alice, "two").await;
        scene.say(room, bob, "three").await;
        let counts = unread::run(&scene.context, &actor(bob)).await.unwrap();
        assert_eq!((counts.total, counts.rooms[0].room_id), (2, room));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_pair_gets_no_dm_and_no_group() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let context = &scene.context;
        let blocked =
            chat_backends::postgres::blocks::add(&context.pg, bob, alice, Timestamp::now());
        assert!(blocked.await.unwrap());
        for kind in [
            chat_core::protocol::objects::RoomType::Dm,
            chat_core::protocol::objects::RoomType::Group,
        ] {
            let create = client::RoomCreate {
                kind,
                member_ids: vec![bob.to_string()],
                title: None,
                description: None,
                avatar_url: None,
                join_policy: None,
            };
            let made = create_room::run(context, &actor(alice), create).await;
            assert_eq!(refused(made), ErrorCode::Blocked);
        }
    })
    .await;
}
