//! Storing batches: gapless, once, in order, whatever happens at the same time.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chat_backends::postgres::messages::{self, Appended, NewMessage, Unappendable};
use chat_backends::postgres::{PgPool, members, rooms};
use chat_core::ids::{AttachmentId, JobId, MessageId, RoomId, UserId};
use chat_core::protocol::objects::{CallSummary, ForwardedFrom, MemberRole, MessageType};
use chat_core::time::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::database::{append, group, inserted, say, text, user, with_database};

/// Sends one sender's messages in order into several rooms, with every mishap that delivery by a broker brings.
async fn send_with_mishaps(pool: PgPool, rooms: Vec<RoomId>, sender: UserId, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut before: Vec<NewMessage> = Vec::new();
    let mut number = 0;
    for _ in 0..15 {
        let mut batch: Vec<NewMessage> = Vec::new();
        for _ in 0..rng.random_range(1..20) {
            let room = rooms[rng.random_range(0..rooms.len())];
            batch.push(text(room, sender, &number.to_string()));
            number += 1;
            match rng.random_range(0..10) {
                // The same job twice in one batch.
                0 => batch.push(batch[batch.len() - 1].clone()),
                // The client sends the same again: another job, another message id, another content.
                1 => {
                    let mut again = batch[rng.random_range(0..batch.len())].clone();
                    again.job_id = JobId::now_v7();
                    again.send.message_id = MessageId::now_v7();
                    again.send.content = "the repeat's content must never be seen".to_owned();
                    batch.push(again);
                }
                // A job of an earlier batch is delivered again.
                2 if !before.is_empty() => {
                    batch.push(before[rng.random_range(0..before.len())].clone());
                }
                _ => {}
            }
        }
        if rng.random_range(0..4) == 0 {
            // The worker dies before its commit: all of it comes again.
            let mut tx = pool.begin().await.unwrap();
            messages::append_batch(&mut tx, &batch).await.unwrap();
            tx.rollback().await.unwrap();
        }
        append(&pool, &batch).await;
        if rng.random_range(0..4) == 0 {
            // The worker dies between commit and ack: all of it comes again, and nothing is stored.
            for outcome in append(&pool, &batch).await {
                assert!(matches!(outcome, Appended::Repeat(..)), "{outcome:?}");
            }
        }
        before.extend(batch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_batches_leave_no_gap_store_nothing_twice_and_keep_each_senders_order() {
    with_database(|pool| async move {
        let mut senders = Vec::new();
        for _ in 0..8 {
            senders.push(user(&pool).await);
        }
        let mut rooms = Vec::new();
        for _ in 0..5 {
            rooms.push(group(&pool, &senders).await);
        }
        let tasks: Vec<_> = senders
            .iter()
            .zip(1..)
            .map(|(sender, seed)| {
                tokio::spawn(send_with_mishaps(
                    pool.clone(),
                    rooms.clone(),
                    *sender,
                    seed,
                ))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut conn = pool.acquire().await.unwrap();
        let heads = rooms::last_seqs(&mut *conn, &rooms).await.unwrap();
        let mut numbers: HashMap<UserId, Vec<u32>> = HashMap::new();
        for room in &rooms {
            let places: Vec<_> = (1..=heads[room]).map(|seq| (*room, seq)).collect();
            let stored = messages::load(&mut conn, None, &places, true)
                .await
                .unwrap();
            let seqs: Vec<i64> = stored.iter().map(|message| message.seq).collect();
            assert_eq!(seqs, (1..=heads[room]).collect::<Vec<_>>());
            assert!(heads[room] > 0);
            let mut last: HashMap<UserId, u32> = HashMap::new();
            for message in &stored {
                let number: u32 = message.content.as_deref().unwrap().parse().unwrap();
                if let Some(previous) = last.insert(message.sender_id, number) {
                    assert!(previous < number, "{number} came after {previous}");
                }
                numbers.entry(message.sender_id).or_default().push(number);
            }
        }
        let beyond: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(beyond, heads.values().sum::<i64>());
        for (sender, mut stored) in numbers {
            stored.sort_unstable();
            let all: Vec<u32> = (0..u32::try_from(stored.len()).unwrap()).collect();
            assert_eq!(stored, all, "of {sender}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_redelivered_job_and_a_repeated_send_are_answered_by_the_first_message() {
    with_database(|pool| async move {
        let sender = user(&pool).await;
        let room = group(&pool, &[sender]).await;
        let first = text(room, sender, "first content wins");
        let stored = inserted(append(&pool, std::slice::from_ref(&first)).await.pop());

        let redelivered = append(&pool, std::slice::from_ref(&first)).await;
        assert_eq!(
            redelivered,
            [Appended::Repeat(Box::new(stored.clone()), first.job_id)]
        );

        let mut again = text(room, sender, "another content");
        again.send.client_msg_id = first.send.client_msg_id.clone();
        again.created_at = first.created_at + Duration::from_secs(400 * 86_400);
        let repeated = append(&pool, &[again]).await;
        assert_eq!(
            repeated,
            [Appended::Repeat(Box::new(stored.clone()), first.job_id)],
            "a UUID is remembered for good"
        );

        let mut conn = pool.acquire().await.unwrap();
        let found = messages::by_client_msg_id(
            &mut conn,
            room,
            sender,
            &first.send.client_msg_id,
            Timestamp::now(),
        )
        .await
        .unwrap();
        assert_eq!(found, Some((stored, first.job_id)));
    })
    .await;
}

#[tokio::test]
async fn a_device_counter_is_a_repeat_within_a_day_and_a_new_message_later() {
    with_database(|pool| async move {
        let (sender, other) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[sender, other]).await;
        let start = Timestamp::now();
        let counter = |sender, hours: u64| {
            let mut new = text(room, sender, "hi");
            new.send.client_msg_id = "tmp-123".to_owned();
            new.created_at = start + Duration::from_secs(hours * 3600);
            new
        };
        let seqs: Vec<i64> = append(
            &pool,
            &[counter(sender, 0), counter(sender, 0), counter(other, 0)],
        )
        .await
        .into_iter()
        .filter_map(|outcome| match outcome {
            Appended::Inserted(message) => Some(message.seq),
            _ => None,
        })
        .collect();
        assert_eq!(seqs, [1, 2], "the key holds the sender");
        let outcome = append(&pool, &[counter(sender, 23)]).await.pop();
        assert!(matches!(outcome, Some(Appended::Repeat(message, _)) if message.seq == 1));
        assert_eq!(
            inserted(append(&pool, &[counter(sender, 25)]).await.pop()).seq,
            3
        );
        let outcome = append(&pool, &[counter(sender, 26)]).await.pop();
        assert!(matches!(outcome, Some(Appended::Repeat(message, _)) if message.seq == 3));
    })
    .await;
}

#[tokio::test]
async fn what_can_no_longer_be_stored_is_refused_without_a_number_and_without_harm_to_the_batch() {
    with_database(|pool| async move {
        let (owner, left, stranger) = (user(&pool).await, user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner, left]).await;
        let unknown = RoomId::now_v7();
        let said = say(&pool, room, left, "before leaving").await;
        members::remove(&pool, room, left, Timestamp::now())
            .await
            .unwrap();
        let mut repeat = text(room, left, "");
        repeat.send.client_msg_id = said.client_msg_id.clone().unwrap();
        let outcomes = append(
            &pool,
            &[
                text(room, stranger, "no member"),
                text(unknown, owner, "no room"),
                repeat,
                text(room, left, "too late"),
                text(room, owner, "fine"),
            ],
        )
        .await;
        assert_eq!(outcomes[0], Appended::Refused(Unappendable::NotMember));
        assert_eq!(outcomes[1], Appended::Refused(Unappendable::RoomGone));
        assert!(
            matches!(&outcomes[2], Appended::Repeat(message, _) if message.id == said.id),
            "a repeat is answered like the first"
        );
        assert_eq!(outcomes[3], Appended::Refused(Unappendable::NotMember));
        assert_eq!(inserted(outcomes.last().cloned()).seq, 2);
    })
    .await;
}

#[tokio::test]
async fn a_stored_message_reads_exactly_as_it_was_delivered() {
    with_database(|pool| async move {
        let (sender, other) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[sender, other]).await;
        let file = AttachmentId::now_v7();
        sqlx::query(
            "INSERT INTO attachments (attachment_id, uploader_id, file_name, mime_type, size_bytes, sha256, url,
                                      created_at)
             VALUES ($1, $2, 'cat.png', 'image/png', 7, 'aa', '/api/v1/attachments/x', '2026-02-14T12:00:00Z')",
        )
        .bind(file.uuid())
        .bind(sender.uuid())
        .execute(&pool)
        .await
        .unwrap();
        let first = say(&pool, room, other, &"ü".repeat(300)).await;
        let mut rich = text(room, sender, "see this");
        rich.send.kind = MessageType::Image;
        rich.send.reply_to = Some(first.id);
        rich.send.thread_id = Some(first.id);
        rich.send.mentions = vec![other, sender];
        rich.send.attachments = vec![file];
        rich.send.forwarded_from = Some(ForwardedFrom {
            message_id: MessageId::now_v7(),
            room_id: RoomId::now_v7(),
            sender_id: other,
        });
        rich.call = Some(CallSummary {
            call_id: chat_core::ids::CallId::now_v7(),
            media: "audio".to_owned(),
            state: "ended".to_owned(),
            duration_ms: Some(1200),
        });
        let delivered = inserted(append(&pool, &[rich]).await.pop());
        assert_eq!(delivered.reply_to.as_ref().unwrap().preview, first.preview);
        assert_eq!(delivered.attachments.len(), 1);

        let mut conn = pool.acquire().await.unwrap();
        let read = messages::by_id(&mut conn, Some(other), delivered.id, true)
            .await
            .unwrap();
        assert_eq!(read, Some(delivered));
        let head = messages::by_id(&mut conn, None, first.id, false)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(head.reply_count, 1);
        assert_eq!((head.content, head.has_more), (None, true));
        assert_eq!(head.preview, "ü".repeat(200));
    })
    .await;
}

#[tokio::test]
async fn leaving_and_sending_at_once_never_breaks_the_numbering() {
    with_database(|pool| async move {
        let (owner, guest) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[owner]).await;
        let coming_and_going = {
            let pool = pool.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    let mut tx = pool.begin().await.unwrap();
                    members::add(
                        &mut tx,
                        room,
                        &[guest],
                        MemberRole::Member,
                        Timestamp::now(),
                    )
                    .await
                    .unwrap();
                    tx.commit().await.unwrap();
                    let mut tx = pool.begin().await.unwrap();
                    rooms::lock(&mut *tx, &[room]).await.unwrap();
                    members::remove(&mut *tx, room, guest, Timestamp::now())
                        .await
                        .unwrap();
                    tx.commit().await.unwrap();
                }
            })
        };
        let mut seqs = HashSet::new();
        for number in 0..40 {
            let outcomes = append(
                &pool,
                &[
                    text(room, guest, &number.to_string()),
                    text(room, owner, "o"),
                ],
            )
            .await;
            for outcome in outcomes {
                match outcome {
                    Appended::Inserted(message) => assert!(seqs.insert(message.seq)),
                    Appended::Refused(why) => assert_eq!(why, Unappendable::NotMember),
                    Appended::Repeat(..) => panic!("nothing was repeated"),
                }
            }
        }
        coming_and_going.await.unwrap();
        let head = rooms::last_seqs(&pool, &[room]).await.unwrap()[&room];
        assert_eq!(seqs, (1..=head).collect());
        assert!(head >= 40);
        let access = rooms::access(&pool, room, owner).await.unwrap().unwrap();
        assert_eq!(access.member_count, 1);
    })
    .await;
}
