//! Pages, tombstones and statuses, as the wire contract says (§2.1, §2.5).

use chat_backends::postgres::messages::{self, Paging};
use chat_backends::postgres::receipts::{self, Moved};
use chat_backends::postgres::{PgPool, members};
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::{MemberRole, MessageStatus};
use chat_core::time::Timestamp;

use crate::database::{append, group, say, text, user, with_database};

async fn status(pool: &PgPool, room: RoomId, seq: i64) -> MessageStatus {
    let mut conn = pool.acquire().await.unwrap();
    messages::load(&mut conn, None, &[(room, seq)], false)
        .await
        .unwrap()[0]
        .status
}

async fn read(pool: &PgPool, room: RoomId, user: UserId, seq: i64) -> Moved {
    let position = receipts::advance_read(pool, room, user, seq, Timestamp::now())
        .await
        .unwrap()
        .unwrap();
    Moved {
        room_id: room,
        user_id: user,
        before: position.before,
        after: position.last_read_seq,
    }
}

#[tokio::test]
async fn pages_follow_the_paging_rules_in_both_directions() {
    with_database(|pool| async move {
        let (sender, reader) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[sender, reader]).await;
        let batch: Vec<_> = (1..=25)
            .map(|number| {
                text(
                    room,
                    sender,
                    &format!("{number} {}", "x".repeat(number * 10)),
                )
            })
            .collect();
        append(&pool, &batch).await;
        let mut conn = pool.acquire().await.unwrap();
        for (paging, limit, first, last, has_more, next_after) in [
            (Paging::After(0), 10, 1, 10, true, 10),
            (Paging::After(20), 10, 21, 25, false, 25),
            (Paging::After(15), 10, 16, 25, false, 25),
            (Paging::After(25), 10, 1, 0, false, 25),
            (Paging::Before(11), 10, 1, 10, false, 10),
            (Paging::Before(12), 10, 2, 11, true, 11),
            (Paging::Before(1), 10, 1, 0, false, 0),
            (Paging::Newest, 10, 16, 25, true, 25),
            (Paging::Newest, 200, 1, 25, false, 25),
        ] {
            let page = messages::page(&mut conn, room, reader, paging, limit, false)
                .await
                .unwrap();
            let seqs: Vec<i64> = page.messages.iter().map(|message| message.seq).collect();
            assert_eq!(seqs, (first..=last).collect::<Vec<_>>(), "{paging:?}");
            assert_eq!(page.has_more, has_more, "{paging:?}");
            assert_eq!(page.next_after_seq, next_after, "{paging:?}");
            assert_eq!(page.last_seq, 25, "{paging:?}");
            for message in &page.messages {
                assert_eq!(message.content, None);
                assert_eq!(message.has_more, message.seq > 19);
                assert_eq!(message.preview.chars().count() == 200, message.has_more);
            }
        }
        let full = messages::page(&mut conn, room, reader, Paging::After(24), 1, true)
            .await
            .unwrap();
        assert_eq!(
            full.messages[0].content,
            Some(batch[24].send.content.clone())
        );
        let unknown = messages::page(
            &mut conn,
            RoomId::now_v7(),
            reader,
            Paging::Newest,
            10,
            true,
        )
        .await
        .unwrap();
        assert_eq!(
            (unknown.messages.len(), unknown.last_seq, unknown.has_more),
            (0, 0, false)
        );
    })
    .await;
}

#[tokio::test]
async fn a_status_is_the_farthest_position_of_any_member_but_the_sender() {
    with_database(|pool| async move {
        let (sender, one, other) = (user(&pool).await, user(&pool).await, user(&pool).await);
        let room = group(&pool, &[sender, one, other]).await;
        for _ in 0..3 {
            say(&pool, room, sender, "hi").await;
        }
        read(&pool, room, sender, 3).await;
        assert_eq!(
            status(&pool, room, 3).await,
            MessageStatus::Sent,
            "one's own reading is no receipt"
        );

        let moved = receipts::advance_delivered(
            &pool,
            &[(room, one, 1), (room, one, 2), (room, other, 99)],
        )
        .await
        .unwrap();
        assert_eq!(moved.len(), 2);
        assert!(
            moved
                .iter()
                .any(|it| (it.user_id, it.before, it.after) == (one, 0, 2))
        );
        assert!(
            moved.iter().any(|it| (it.user_id, it.after) == (other, 3)),
            "at most to the head"
        );
        assert_eq!(status(&pool, room, 3).await, MessageStatus::Delivered);

        let by = read(&pool, room, one, 2).await;
        assert_eq!(status(&pool, room, 2).await, MessageStatus::Read);
        assert_eq!(status(&pool, room, 3).await, MessageStatus::Delivered);
        let changes = receipts::status_changes(&pool, MessageStatus::Read, by, 200)
            .await
            .unwrap();
        assert_eq!(changes.iter().map(|it| it.seq).collect::<Vec<_>>(), [1, 2]);
        assert!(changes.iter().all(|it| it.sender_id == sender));

        let by = read(&pool, room, other, 3).await;
        let changes = receipts::status_changes(&pool, MessageStatus::Read, by, 200)
            .await
            .unwrap();
        assert_eq!(
            changes.iter().map(|it| it.seq).collect::<Vec<_>>(),
            [3],
            "only the first reader changes it"
        );
        let back = read(&pool, room, one, 1).await;
        assert_eq!(
            (back.before, back.after),
            (2, 2),
            "a position never moves back"
        );
    })
    .await;
}

#[tokio::test]
async fn who_joins_has_neither_read_nor_to_read_what_came_before() {
    with_database(|pool| async move {
        let (owner, late) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner]).await;
        say(&pool, room, owner, "long ago").await;
        let mut tx = pool.begin().await.unwrap();
        members::add(&mut tx, room, &[late], MemberRole::Member, Timestamp::now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(status(&pool, room, 1).await, MessageStatus::Sent);
        let heads = chat_backends::postgres::rooms::heads(&pool, late, 10)
            .await
            .unwrap();
        assert_eq!((heads[0].last_read_seq, heads[0].unread), (1, 0));
        say(&pool, room, owner, "welcome").await;
        read(&pool, room, late, 2).await;
        assert_eq!(status(&pool, room, 2).await, MessageStatus::Read);
    })
    .await;
}

#[tokio::test]
async fn a_stranger_has_no_position() {
    with_database(|pool| async move {
        let (owner, stranger) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner]).await;
        say(&pool, room, owner, "hi").await;
        let read = receipts::advance_read(&pool, room, stranger, 1, Timestamp::now())
            .await
            .unwrap();
        assert_eq!(read, None);
        let delivered = receipts::advance_delivered(&pool, &[(room, stranger, 1)])
            .await
            .unwrap();
        assert_eq!(delivered, []);
    })
    .await;
}
