//! Who comes into a group, and who is taken out.

use chat_backends::postgres::members as store;
use chat_core::error::ErrorCode;
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::client;
use chat_core::protocol::objects::{InviteStatus, JoinPolicy};
use chat_processor::commands::{access, invite, join_room, leave_room};
use chat_processor::effects::Target;

use crate::scene::{actor, heard, on_scene, refused, unknown};

fn asking(room_id: RoomId, users: &[UserId], direct: bool) -> client::RoomInvite {
    client::RoomInvite {
        room_id,
        user_ids: users.to_vec(),
        direct,
    }
}

const fn join(room_id: RoomId) -> client::RoomJoin {
    client::RoomJoin {
        room_id,
        invite_id: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_user_comes_in_by_the_invite() {
    on_scene(async |scene| {
        let [alice, bob, eve] = scene.users().await;
        let room = scene.group(&[alice]).await;
        let context = &scene.context;
        let checked = invite::check(context, &actor(alice), asking(room, &[bob], false)).await;
        let checked = checked.unwrap();
        let effects = scene.perform(&checked.job).await;
        assert_eq!(heard(&effects), [("room.invited", Target::User(bob))]);
        let (id, _) = checked.invites[0];
        let again = invite::check(context, &actor(alice), asking(room, &[bob], false)).await;
        assert_eq!(again.unwrap().invites, [(id, bob)]);
        let answer = client::InviteAnswer { invite_id: id };
        let stolen = join_room::accept(context, &actor(eve), answer.clone()).await;
        assert_eq!(refused(stolen), ErrorCode::InviteNotFound);
        let joining = client::RoomJoin {
            room_id: room,
            invite_id: Some(id),
        };
        let job = join_room::check(context, &actor(bob), joining)
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        let expected = [
            ("control.join", Target::User(bob)),
            ("room.member.joined", Target::User(bob)),
            ("room.member.joined", Target::Room(room)),
        ];
        assert_eq!(heard(&effects), expected);
        let used = join_room::accept(context, &actor(bob), answer).await;
        assert_eq!(refused(used), ErrorCode::InviteNotFound);
        let member = join_room::check(context, &actor(bob), join(room)).await;
        assert_eq!(refused(member), ErrorCode::AlreadyMember);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_invite_lets_nobody_in() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice]).await;
        let context = &scene.context;
        let invites = invite::run(context, &actor(alice), asking(room, &[bob], false)).await;
        let invites = invites.unwrap();
        assert_eq!(invites[0].status, InviteStatus::Pending);
        let answer = client::InviteAnswer {
            invite_id: invites[0].id,
        };
        invite::decline(context, &actor(bob), answer.clone())
            .await
            .unwrap();
        let late = join_room::accept(context, &actor(bob), answer).await;
        assert_eq!(refused(late), ErrorCode::InviteNotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_refused_in_the_order_of_the_contract() {
    on_scene(async |scene| {
        let [alice, bob, carol, stranger] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let dm = scene.dm(alice, bob).await;
        let context = &scene.context;
        let by = async |user, room, users: &[UserId], direct| {
            refused(invite::check(context, &actor(user), asking(room, users, direct)).await)
        };
        assert_eq!(
            by(alice, room, &[], false).await,
            ErrorCode::ValidationFailed
        );
        assert_eq!(
            by(alice, unknown(), &[carol], false).await,
            ErrorCode::RoomNotFound
        );
        assert_eq!(
            by(stranger, room, &[carol], false).await,
            ErrorCode::NotMember
        );
        assert_eq!(by(alice, dm, &[carol], false).await, ErrorCode::NotAGroup);
        assert_eq!(by(bob, room, &[carol], true).await, ErrorCode::Forbidden);
        assert_eq!(
            by(alice, room, &[unknown()], false).await,
            ErrorCode::UserNotFound
        );
        assert_eq!(
            by(alice, room, &[bob], false).await,
            ErrorCode::AlreadyMember
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hundred_and_first_member_is_refused() {
    on_scene(async |scene| {
        let owner = scene.user().await;
        let mut all = vec![owner];
        for _ in 1..100 {
            all.push(scene.user().await);
        }
        let room = scene.group_of(&all, JoinPolicy::Open).await;
        let late = scene.user().await;
        let context = &scene.context;
        for direct in [true, false] {
            let invited =
                invite::check(context, &actor(owner), asking(room, &[late], direct)).await;
            assert_eq!(refused(invited), ErrorCode::GroupFull);
        }
        let joined = join_room::check(context, &actor(late), join(room)).await;
        assert_eq!(refused(joined), ErrorCode::GroupFull);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_added_directly_passes_the_cached_membership_at_once() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice]).await;
        let context = &scene.context;
        // Fills the cache with a membership that is about to change.
        access::require_member(context, room, alice).await.unwrap();
        let before = access::require_member(context, room, bob).await;
        assert_eq!(refused(before), ErrorCode::NotMember);
        let checked = invite::check(context, &actor(alice), asking(room, &[bob], true)).await;
        scene.perform(&checked.unwrap().job).await;
        access::require_member(context, room, bob).await.unwrap();
        let kick = client::RoomKick {
            room_id: room,
            user_id: bob,
        };
        let job = leave_room::check_kick(context, &actor(alice), kick)
            .await
            .unwrap();
        scene.perform(&job).await;
        let after = access::require_member(context, room, bob).await;
        assert_eq!(refused(after), ErrorCode::NotMember);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_decides_who_joins() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let context = &scene.context;
        let closed = scene.group(&[alice]).await;
        let by = join_room::check(context, &actor(bob), join(closed)).await;
        assert_eq!(refused(by), ErrorCode::Forbidden);
        let by = join_room::check(context, &actor(bob), join(unknown())).await;
        assert_eq!(refused(by), ErrorCode::RoomNotFound);
        let asking = scene.group_of(&[alice], JoinPolicy::Approval).await;
        let job = join_room::check(context, &actor(bob), join(asking))
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(
            heard(&effects),
            [("room.join.requested", Target::User(alice))]
        );
        assert_eq!(store::role(&context.pg, asking, bob).await.unwrap(), None);
        let open = scene.group_of(&[alice], JoinPolicy::Open).await;
        let room = join_room::run(context, &actor(bob), join(open))
            .await
            .unwrap();
        assert_eq!(room.unwrap().member_count, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_needs_a_role_and_spares_the_owner() {
    on_scene(async |scene| {
        let [owner, alice, bob, stranger] = scene.users().await;
        let room = scene.group(&[owner, alice, bob]).await;
        let context = &scene.context;
        let kick = |user_id| client::RoomKick {
            room_id: room,
            user_id,
        };
        let by = async |user, target| {
            refused(leave_room::check_kick(context, &actor(user), kick(target)).await)
        };
        assert_eq!(by(stranger, bob).await, ErrorCode::NotMember);
        assert_eq!(by(alice, bob).await, ErrorCode::Forbidden);
        assert_eq!(by(owner, stranger).await, ErrorCode::UserNotFound);
        let admin = chat_core::protocol::objects::MemberRole::Admin;
        store::set_role(&context.pg, room, alice, admin)
            .await
            .unwrap();
        assert_eq!(by(alice, owner).await, ErrorCode::Forbidden);
        let job = leave_room::check_kick(context, &actor(alice), kick(bob))
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        let expected = [
            ("control.leave", Target::User(bob)),
            ("room.member.left", Target::User(bob)),
            ("room.member.left", Target::Room(room)),
        ];
        assert_eq!(heard(&effects), expected);
    })
    .await;
}
