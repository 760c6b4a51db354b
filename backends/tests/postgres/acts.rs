//! What members do with stored messages.

use std::time::Duration;

use chat_backends::postgres::mentions::{self, Unread};
use chat_backends::postgres::messages::{self, Pinned};
use chat_backends::postgres::{PgPool, drafts, reactions, receipts, rooms};
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::objects::{Message, Reaction};
use chat_core::time::Timestamp;

use crate::database::{append, group, inserted, say, text, user, with_database};

async fn seen_by(pool: &PgPool, viewer: UserId, room: RoomId, seq: i64) -> Message {
    let mut conn = pool.acquire().await.unwrap();
    messages::load(&mut conn, Some(viewer), &[(room, seq)], true)
        .await
        .unwrap()
        .remove(0)
}

#[tokio::test]
async fn an_edit_counts_up_and_keeps_the_preview_in_step() {
    with_database(|pool| async move {
        let sender = user(&pool).await;
        let room = group(&pool, &[sender]).await;
        let first = say(&pool, room, sender, "short").await;
        let mut conn = pool.acquire().await.unwrap();
        let long = "y".repeat(250);
        let now = Timestamp::now();
        assert!(
            messages::edit(&mut conn, room, 1, &long, now)
                .await
                .unwrap()
        );
        let edited = seen_by(&pool, sender, room, 1).await;
        assert_eq!(
            (edited.content.as_ref(), edited.edit_version),
            (Some(&long), 1)
        );
        assert_eq!(
            (edited.preview.as_str(), edited.has_more),
            (&long[..200], true)
        );
        assert_eq!(
            (edited.edited_at, edited.seq, edited.id),
            (Some(now), 1, first.id)
        );
        assert!(
            messages::edit(&mut conn, room, 1, "short again", now)
                .await
                .unwrap()
        );
        let edited = seen_by(&pool, sender, room, 1).await;
        assert_eq!(
            (
                edited.preview.as_str(),
                edited.has_more,
                edited.edit_version
            ),
            ("short again", false, 2)
        );
        assert!(
            !messages::edit(&mut conn, room, 2, "nothing there", now)
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_leaves_a_tombstone_in_its_place_and_nothing_of_what_it_said() {
    with_database(|pool| async move {
        let (sender, other) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[sender, other]).await;
        let mut secret = text(room, sender, "the secret");
        secret.send.mentions = vec![other];
        let secret = inserted(append(&pool, &[secret]).await.pop());
        let mut answer = text(room, other, "an answer");
        answer.send.reply_to = Some(secret.id);
        append(&pool, &[answer]).await;
        let now = Timestamp::now();
        let mut conn = pool.acquire().await.unwrap();
        messages::pin(&mut conn, room, 1, other, now).await.unwrap();
        reactions::set(&mut conn, (room, 1), other, "👍", true, now).await.unwrap();

        assert!(messages::delete_for_all(&pool, room, 1, other, now).await.unwrap());
        assert!(!messages::delete_for_all(&pool, room, 1, sender, now).await.unwrap());
        let tombstone = seen_by(&pool, sender, room, 1).await;
        assert_eq!((tombstone.seq, tombstone.content.as_deref()), (1, Some("")));
        assert_eq!((tombstone.preview.as_str(), tombstone.pinned), ("", false));
        assert_eq!((tombstone.deleted_at, tombstone.deleted_by), (Some(now), Some(other)));
        assert_eq!((tombstone.reactions, tombstone.mentions), (vec![], vec![]));
        let answer = seen_by(&pool, sender, room, 2).await;
        assert_eq!(answer.reply_to.unwrap().preview, "", "not even in the answers");
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM reactions) + (SELECT count(*) FROM mentions)
                  + (SELECT count(*) FROM messages WHERE content LIKE '%secret%' OR preview LIKE '%secret%')",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(left, 0);
        assert!(!messages::edit(&mut conn, room, 1, "back again", now).await.unwrap());
        assert_eq!(
            messages::pin(&mut conn, room, 1, other, now).await.unwrap(),
            Pinned::Gone
        );
        let none = reactions::set(&mut conn, (room, 1), other, "👍", true, now).await.unwrap();
        assert_eq!(none, None);
    })
    .await;
}

#[tokio::test]
async fn a_message_deleted_for_oneself_is_a_tombstone_for_nobody_else() {
    with_database(|pool| async move {
        let (sender, other) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[sender, other]).await;
        say(&pool, room, sender, "hello").await;
        let now = Timestamp::now();
        messages::hide(&pool, room, other, 1, now).await.unwrap();
        messages::hide(&pool, room, other, 1, now + Duration::from_secs(1))
            .await
            .unwrap();
        let mine = seen_by(&pool, other, room, 1).await;
        assert_eq!(
            (mine.content.as_deref(), mine.deleted_by),
            (Some(""), Some(other))
        );
        assert_eq!(mine.deleted_at, Some(now));
        let theirs = seen_by(&pool, sender, room, 1).await;
        assert_eq!(
            (theirs.content.as_deref(), theirs.deleted_at),
            (Some("hello"), None)
        );
        let mut conn = pool.acquire().await.unwrap();
        let room = rooms::view(&mut conn, room, other).await.unwrap().unwrap();
        assert_eq!(room.last_message.unwrap().preview, "");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_never_has_more_pins_than_it_may_however_many_pin_at_once() {
    with_database(|pool| async move {
        let owner = user(&pool).await;
        let room = group(&pool, &[owner]).await;
        let batch: Vec<_> = (0..limits::PINS + 5)
            .map(|_| text(room, owner, "x"))
            .collect();
        append(&pool, &batch).await;
        let tasks: Vec<_> = (1..=limits::PINS + 5)
            .map(|seq| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let mut tx = pool.begin().await.unwrap();
                    let pinned = messages::pin(&mut tx, room, seq, owner, Timestamp::now())
                        .await
                        .unwrap();
                    tx.commit().await.unwrap();
                    (seq, pinned)
                })
            })
            .collect();
        let mut pinned = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (seq, Pinned::Now) => pinned.push((room, seq)),
                (_, outcome) => assert_eq!(outcome, Pinned::Full),
            }
        }
        assert_eq!(i64::try_from(pinned.len()).unwrap(), limits::PINS);
        let mut listed = messages::pins(&pool, room).await.unwrap();
        listed.sort_unstable();
        pinned.sort_unstable();
        assert_eq!(listed, pinned);
        let (_, seq) = pinned[0];
        let mut conn = pool.acquire().await.unwrap();
        let again = messages::pin(&mut conn, room, seq, owner, Timestamp::now())
            .await
            .unwrap();
        assert_eq!(again, Pinned::Already);
        assert!(messages::unpin(&pool, room, seq).await.unwrap());
        assert!(!messages::unpin(&pool, room, seq).await.unwrap());
        assert!(!seen_by(&pool, owner, room, seq).await.pinned);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_of_many_at_once_are_all_counted_and_repeating_one_changes_nothing() {
    with_database(|pool| async move {
        let mut users = Vec::new();
        for _ in 0..10 {
            users.push(user(&pool).await);
        }
        let room = group(&pool, &users).await;
        say(&pool, room, users[0], "react!").await;
        let tasks: Vec<_> = users
            .iter()
            .map(|user| {
                let (pool, user) = (pool.clone(), *user);
                tokio::spawn(async move {
                    for (emoji, present) in [("👍", true), ("👍", true), ("❤", true), ("❤", false)]
                    {
                        let mut tx = pool.begin().await.unwrap();
                        reactions::set(&mut tx, (room, 1), user, emoji, present, Timestamp::now())
                            .await
                            .unwrap()
                            .unwrap();
                        tx.commit().await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let message = seen_by(&pool, users[0], room, 1).await;
        let [
            Reaction {
                emoji,
                count,
                user_ids,
            },
        ] = message.reactions.as_slice()
        else {
            panic!("{:?}", message.reactions);
        };
        assert_eq!((emoji.as_str(), *count), ("👍", 10));
        let mut named = user_ids.clone();
        named.sort_unstable();
        users.sort_unstable();
        assert_eq!(named, users);
        let mut conn = pool.acquire().await.unwrap();
        let (_, changed) =
            reactions::set(&mut conn, (room, 1), users[0], "👍", true, Timestamp::now())
                .await
                .unwrap()
                .unwrap();
        assert!(!changed);
    })
    .await;
}

#[tokio::test]
async fn a_thread_lists_its_answers_and_nothing_else() {
    with_database(|pool| async move {
        let sender = user(&pool).await;
        let room = group(&pool, &[sender]).await;
        let first = say(&pool, room, sender, "a thread").await;
        for answer in [true, false, true, true] {
            let mut new = text(room, sender, "x");
            new.send.thread_id = answer.then_some(first.id);
            append(&pool, &[new]).await;
        }
        let places = messages::thread(&pool, room, 1, 0, 2).await.unwrap();
        assert_eq!(places, [(room, 2), (room, 4)]);
        let places = messages::thread(&pool, room, 1, 4, 2).await.unwrap();
        assert_eq!(places, [(room, 5)]);
        assert_eq!(seen_by(&pool, sender, room, 1).await.reply_count, 3);
    })
    .await;
}

#[tokio::test]
async fn unread_mentions_are_those_above_the_read_position() {
    with_database(|pool| async move {
        let (sender, other) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[sender, other]).await;
        for mentioned in [true, false, true] {
            let mut new = text(room, sender, "x");
            new.send.mentions = if mentioned { vec![other] } else { vec![] };
            append(&pool, &[new]).await;
        }
        let waiting = mentions::unread(&pool, other, 10).await.unwrap();
        assert_eq!(
            waiting,
            [Unread {
                room_id: room,
                unread: 3,
                mentions: 2
            }]
        );
        receipts::advance_read(&pool, room, other, 1, Timestamp::now())
            .await
            .unwrap();
        let waiting = mentions::unread(&pool, other, 10).await.unwrap();
        assert_eq!(
            waiting,
            [Unread {
                room_id: room,
                unread: 2,
                mentions: 1
            }]
        );
        receipts::advance_read(&pool, room, other, 3, Timestamp::now())
            .await
            .unwrap();
        assert_eq!(mentions::unread(&pool, other, 10).await.unwrap(), []);
        assert_eq!(mentions::unread(&pool, sender, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_older_draft_never_overwrites_a_newer_one_and_an_empty_one_is_none() {
    with_database(|pool| async move {
        let writer = user(&pool).await;
        let room = group(&pool, &[writer]).await;
        let now = Timestamp::now();
        let draft = |content: &str, secs: u64| drafts::Draft {
            room_id: room,
            content: content.to_owned(),
            updated_at: now + Duration::from_secs(secs),
        };
        drafts::set(&pool, writer, &draft("new", 5)).await.unwrap();
        drafts::set(&pool, writer, &draft("old", 1)).await.unwrap();
        drafts::set(&pool, writer, &draft("", 2)).await.unwrap();
        assert_eq!(
            drafts::list(&pool, writer).await.unwrap(),
            [draft("new", 5)]
        );
        drafts::set(&pool, writer, &draft("", 6)).await.unwrap();
        assert_eq!(drafts::list(&pool, writer).await.unwrap(), []);
    })
    .await;
}
