//! Roles, leaving, invites and bans.

use std::time::Duration;

use chat_backends::postgres::members::{self, Left};
use chat_backends::postgres::rooms::{self, RoomPatch};
use chat_backends::postgres::{PgPool, invites, join_requests, messages, room_bans};
use chat_core::ids::{InviteId, RoomId, UserId};
use chat_core::protocol::objects::{InviteStatus, JoinPolicy, MemberRole};
use chat_core::time::Timestamp;

use crate::database::{append, group, say, text, user, with_database};

async fn leave(pool: &PgPool, room: RoomId, user: UserId) -> Left {
    let mut tx = pool.begin().await.unwrap();
    let left = members::leave(&mut tx, room, user, Timestamp::now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    left
}

#[tokio::test]
async fn ownership_goes_to_the_longest_standing_admin_then_member_and_the_last_one_closes_the_room()
{
    with_database(|pool| async move {
        let owner = user(&pool).await;
        let room = group(&pool, &[owner]).await;
        let mut joined = Vec::new();
        for minute in 1..4u64 {
            let newcomer = user(&pool).await;
            let mut tx = pool.begin().await.unwrap();
            let at = Timestamp::now() + Duration::from_secs(60 * minute);
            members::add(&mut tx, room, &[newcomer], MemberRole::Member, at)
                .await
                .unwrap();
            tx.commit().await.unwrap();
            joined.push(newcomer);
        }
        members::set_role(&pool, room, joined[1], MemberRole::Admin)
            .await
            .unwrap();
        assert_eq!(
            leave(&pool, room, owner).await,
            Left::Out {
                heir: Some(joined[1])
            }
        );
        assert_eq!(leave(&pool, room, owner).await, Left::NotMember);
        assert_eq!(
            leave(&pool, room, joined[1]).await,
            Left::Out {
                heir: Some(joined[0])
            }
        );
        assert_eq!(
            leave(&pool, room, joined[2]).await,
            Left::Out { heir: None }
        );
        let role = members::role(&pool, room, joined[0]).await.unwrap();
        assert_eq!(role, Some(MemberRole::Owner));
        assert_eq!(leave(&pool, room, joined[0]).await, Left::RoomDeleted);
        assert_eq!(rooms::access(&pool, room, owner).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn only_the_owner_hands_a_room_over_and_only_to_a_member() {
    with_database(|pool| async move {
        let (owner, member, stranger) = (user(&pool).await, user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner, member]).await;
        let mut conn = pool.acquire().await.unwrap();
        for (from, to) in [
            (member, owner),
            (owner, stranger),
            (owner, owner),
            (stranger, member),
        ] {
            assert!(!members::transfer(&mut conn, room, from, to).await.unwrap());
        }
        assert!(
            members::transfer(&mut conn, room, owner, member)
                .await
                .unwrap()
        );
        assert_eq!(
            members::role(&pool, room, member).await.unwrap(),
            Some(MemberRole::Owner)
        );
        assert_eq!(
            members::role(&pool, room, owner).await.unwrap(),
            Some(MemberRole::Admin)
        );
    })
    .await;
}

#[tokio::test]
async fn a_deleted_room_is_gone_for_everybody_and_takes_no_more_messages() {
    with_database(|pool| async move {
        let (owner, member) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner, member]).await;
        let said = say(&pool, room, owner, "hello").await;
        let now = Timestamp::now();
        let mut former = rooms::delete(&pool, room, now).await.unwrap().unwrap();
        former.sort_unstable();
        assert_eq!(former, [owner.min(member), owner.max(member)]);
        assert_eq!(rooms::delete(&pool, room, now).await.unwrap(), None);
        assert_eq!(rooms::heads(&pool, owner, 10).await.unwrap(), []);
        assert_eq!(messages::locate(&pool, said.id).await.unwrap(), None);
        let outcome = append(&pool, &[text(room, owner, "still there?")]).await;
        assert!(matches!(
            outcome[0],
            messages::Appended::Refused(messages::Unappendable::RoomGone)
        ));
    })
    .await;
}

#[tokio::test]
async fn a_room_changes_only_in_what_the_patch_names() {
    with_database(|pool| async move {
        let owner = user(&pool).await;
        let room = group(&pool, &[owner]).await;
        let mut conn = pool.acquire().await.unwrap();
        let patch = RoomPatch {
            description: Some("about".to_owned()),
            join_policy: Some(JoinPolicy::Open),
            slow_mode_secs: Some(30),
            ..RoomPatch::default()
        };
        assert!(
            rooms::update(&pool, room, &patch, Timestamp::now())
                .await
                .unwrap()
        );
        let view = rooms::view(&mut conn, room, owner).await.unwrap().unwrap();
        assert_eq!(view.title.as_deref(), Some("Group"));
        assert_eq!(view.description.as_deref(), Some("about"));
        assert_eq!(view.join_policy, JoinPolicy::Open);
        let patch = RoomPatch {
            description: Some(String::new()),
            ..RoomPatch::default()
        };
        rooms::update(&pool, room, &patch, Timestamp::now())
            .await
            .unwrap();
        let view = rooms::view(&mut conn, room, owner).await.unwrap().unwrap();
        assert_eq!(
            (view.description, view.join_policy),
            (None, JoinPolicy::Open)
        );
        let access = rooms::access(&pool, room, owner).await.unwrap().unwrap();
        assert_eq!(access.slow_mode_secs, 30);
    })
    .await;
}

#[tokio::test]
async fn mutes_and_silences_end_at_their_time_and_a_mute_everywhere_counts_in_each_room() {
    with_database(|pool| async move {
        let (owner, member) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner, member]).await;
        let (soon, later) = (
            Timestamp::now() + Duration::from_secs(60),
            Timestamp::now() + Duration::from_secs(600),
        );
        members::mute(&pool, room, member, Some(soon))
            .await
            .unwrap();
        let mut conn = pool.acquire().await.unwrap();
        let view = rooms::view(&mut conn, room, member).await.unwrap().unwrap();
        assert_eq!(view.muted_until, Some(soon));
        let access = rooms::access(&pool, room, member).await.unwrap().unwrap();
        assert_eq!(
            access.silenced_until, None,
            "one's own wish for quiet silences nobody"
        );
        members::silence(&pool, room, member, Some(soon))
            .await
            .unwrap();
        let access = rooms::access(&pool, room, member).await.unwrap().unwrap();
        assert_eq!(access.silenced_until, Some(soon));
        chat_backends::postgres::users::mute(
            &pool,
            member,
            Some("spam"),
            Some(later),
            Timestamp::now(),
        )
        .await
        .unwrap();
        let access = rooms::access(&pool, room, member).await.unwrap().unwrap();
        assert_eq!(access.silenced_until, Some(later));
    })
    .await;
}

#[tokio::test]
async fn a_user_has_one_open_invite_into_a_room_until_it_is_answered_or_over() {
    with_database(|pool| async move {
        let (owner, guest, member) = (user(&pool).await, user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner, member]).await;
        let (now, end) = (
            Timestamp::now(),
            Timestamp::now() + Duration::from_secs(100),
        );
        let mut conn = pool.acquire().await.unwrap();
        let wanted = [(InviteId::now_v7(), guest), (InviteId::now_v7(), member)];
        let open = invites::create(&mut conn, room, &wanted, owner, now, end)
            .await
            .unwrap();
        assert_eq!(open.len(), 1, "a member needs no invite");
        assert_eq!(
            (open[0].id, open[0].status),
            (wanted[0].0, InviteStatus::Pending)
        );
        let again = invites::create(
            &mut conn,
            room,
            &[(InviteId::now_v7(), guest)],
            owner,
            now,
            end,
        )
        .await
        .unwrap();
        assert_eq!(again, open);
        assert_eq!(invites::open_of(&pool, guest, now).await.unwrap(), open);

        let over = end + Duration::from_secs(1);
        assert_eq!(invites::open_of(&pool, guest, over).await.unwrap(), []);
        let shown = invites::by_id(&pool, open[0].id, over)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(shown.status, InviteStatus::Expired);
        assert_eq!(
            invites::answer(&pool, open[0].id, guest, true, over)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            invites::answer(&pool, open[0].id, member, true, now)
                .await
                .unwrap(),
            None,
            "not theirs"
        );
        let later = over + Duration::from_secs(100);
        let fresh = invites::create(
            &mut conn,
            room,
            &[(InviteId::now_v7(), guest)],
            owner,
            over,
            later,
        )
        .await
        .unwrap();
        assert_ne!(fresh[0].id, open[0].id);
        let accepted = invites::answer(&pool, fresh[0].id, guest, true, over)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(accepted.status, InviteStatus::Accepted);
        assert_eq!(
            invites::answer(&pool, fresh[0].id, guest, true, over)
                .await
                .unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn a_join_request_is_one_a_user_and_answered_once() {
    with_database(|pool| async move {
        let (owner, guest) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner]).await;
        let now = Timestamp::now();
        let first = join_requests::ask(&pool, InviteId::now_v7(), room, guest, now)
            .await
            .unwrap();
        let again = join_requests::ask(&pool, InviteId::now_v7(), room, guest, now)
            .await
            .unwrap();
        assert_eq!(first, again);
        assert_eq!(join_requests::list(&pool, room).await.unwrap(), [guest]);
        assert!(join_requests::take(&pool, room, guest).await.unwrap());
        assert!(!join_requests::take(&pool, room, guest).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_ban_holds_until_its_end() {
    with_database(|pool| async move {
        let (owner, guest) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner]).await;
        let now = Timestamp::now();
        let end = now + Duration::from_secs(60);
        room_bans::add(&pool, (room, guest), owner, "noise", Some(end), now)
            .await
            .unwrap();
        assert_eq!(
            room_bans::banned(&pool, room, &[guest, owner], now)
                .await
                .unwrap(),
            [guest]
        );
        assert_eq!(
            room_bans::banned(&pool, room, &[guest], end).await.unwrap(),
            []
        );
        room_bans::add(&pool, (room, guest), owner, "noise", None, now)
            .await
            .unwrap();
        assert_eq!(
            room_bans::banned(&pool, room, &[guest], end).await.unwrap(),
            [guest]
        );
        assert!(room_bans::remove(&pool, room, guest).await.unwrap());
        assert_eq!(
            room_bans::banned(&pool, room, &[guest], now).await.unwrap(),
            []
        );
    })
    .await;
}
