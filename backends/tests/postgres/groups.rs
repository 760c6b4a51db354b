//! Rooms and who is in them.

use std::time::Duration;

use chat_backends::postgres::members::{self, Added};
use chat_backends::postgres::rooms;
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::objects::{MemberRole, RoomType};
use chat_core::time::Timestamp;

use crate::database::{group, say, user, with_database};

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_opens_its_dm_from_both_sides_at_once_gets_one_room() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let tasks: Vec<_> = (0..16)
            .map(|number| {
                let pool = pool.clone();
                let (creator, peer) = if number % 2 == 0 {
                    (one, other)
                } else {
                    (other, one)
                };
                tokio::spawn(async move {
                    let mut tx = pool.begin().await.unwrap();
                    let made = rooms::create_dm(
                        &mut tx,
                        RoomId::now_v7(),
                        creator,
                        peer,
                        Timestamp::now(),
                    )
                    .await
                    .unwrap();
                    tx.commit().await.unwrap();
                    made
                })
            })
            .collect();
        let mut made = Vec::new();
        for task in tasks {
            made.push(task.await.unwrap());
        }
        let room = made[0].0;
        assert!(made.iter().all(|(id, _)| *id == room), "{made:?}");
        assert_eq!(made.iter().filter(|(_, created)| *created).count(), 1);
        let mut both = members::ids(&pool, room).await.unwrap();
        both.sort_unstable();
        assert_eq!(both, [one.min(other), one.max(other)]);
        assert_eq!(rooms::dm(&pool, other, one).await.unwrap(), Some(room));
        let access = rooms::access(&pool, room, one).await.unwrap().unwrap();
        assert_eq!((access.kind, access.peer), (RoomType::Dm, Some(other)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_never_grows_beyond_its_limit_however_many_join_at_once() {
    with_database(|pool| async move {
        let owner = user(&pool).await;
        // Members need no account for the count; only the list of members shows accounts.
        let mut first: Vec<UserId> = (0..limits::GROUP_MEMBERS - 5)
            .map(|_| UserId::now_v7())
            .collect();
        first[0] = owner;
        let room = group(&pool, &first).await;
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let mut tx = pool.begin().await.unwrap();
                    let added = members::add(
                        &mut tx,
                        room,
                        &[UserId::now_v7()],
                        MemberRole::Member,
                        Timestamp::now(),
                    )
                    .await
                    .unwrap();
                    tx.commit().await.unwrap();
                    added
                })
            })
            .collect();
        let (mut joined, mut full) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Added::New(users) => joined += users.len(),
                Added::Full => full += 1,
                Added::RoomGone => panic!("the room is there"),
            }
        }
        assert_eq!((joined, full), (5, 7));
        let members = members::ids(&pool, room).await.unwrap();
        assert_eq!(members.len(), limits::GROUP_MEMBERS);
        let access = rooms::access(&pool, room, owner).await.unwrap().unwrap();
        assert_eq!(access.member_count as usize, limits::GROUP_MEMBERS);
        let mut tx = pool.begin().await.unwrap();
        let again = members::add(
            &mut tx,
            room,
            &members,
            MemberRole::Member,
            Timestamp::now(),
        )
        .await
        .unwrap();
        assert_eq!(again, Added::New(vec![]), "whoever is in needs no place");
    })
    .await;
}

#[tokio::test]
async fn a_stranger_sees_that_a_room_exists_and_nothing_else() {
    with_database(|pool| async move {
        let (one, other, stranger) = (user(&pool).await, user(&pool).await, user(&pool).await);
        let mut conn = pool.acquire().await.unwrap();
        let (room, _) = rooms::create_dm(&mut conn, RoomId::now_v7(), one, other, Timestamp::now())
            .await
            .unwrap();
        let access = rooms::access(&pool, room, stranger).await.unwrap().unwrap();
        assert_eq!((access.role, access.peer), (None, None));
        assert_eq!(rooms::view(&mut conn, room, stranger).await.unwrap(), None);
        assert_eq!(
            rooms::access(&pool, RoomId::now_v7(), one).await.unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn rooms_are_listed_newest_activity_first_page_by_page() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(group(&pool, &[one, other]).await);
        }
        for place in [1, 3, 0, 4, 2] {
            say(&pool, made[place], other, "hello").await;
            // Times are in milliseconds.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let expected = [2, 4, 0, 3, 1].map(|place| made[place]);
        let mut conn = pool.acquire().await.unwrap();
        let (mut listed, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let (rooms, next) = rooms::list(&mut conn, one, cursor, 2).await.unwrap();
            for room in &rooms {
                let last = room.last_message.as_ref().unwrap();
                assert_eq!((last.seq, last.content.as_ref()), (1, None));
                assert_eq!((room.unread, room.member_count), (1, 2));
            }
            listed.extend(rooms.into_iter().map(|room| room.id));
            pages += 1;
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((listed.as_slice(), pages), (expected.as_slice(), 3));
        let heads: Vec<RoomId> = rooms::heads(&pool, one, 10)
            .await
            .unwrap()
            .into_iter()
            .map(|head| head.room_id)
            .collect();
        assert_eq!(heads, expected);
    })
    .await;
}
