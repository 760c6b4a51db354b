//! Unread counts equal a recount, always: messages of others above the read position, tombstones included.

use chat_backends::postgres::{PgPool, members, receipts, rooms};
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::MemberRole;
use chat_core::time::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::database::{append, group, text, user, with_database};

/// Compares what every member of every room is told with what counting the messages gives.
async fn assert_unread_equals_a_recount(pool: &PgPool, users: &[UserId], context: &str) {
    for user in users {
        for head in rooms::heads(pool, *user, 100).await.unwrap() {
            let recounted: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM messages WHERE room_id = $1 AND sender_id <> $2 AND seq > $3",
            )
            .bind(head.room_id.uuid())
            .bind(user.uuid())
            .bind(head.last_read_seq)
            .fetch_one(pool)
            .await
            .unwrap();
            assert_eq!(head.unread, recounted, "{context}: {head:?} of {user}");
        }
    }
}

async fn join(pool: &PgPool, room: RoomId, user: UserId) {
    let mut tx = pool.begin().await.unwrap();
    members::add(&mut tx, room, &[user], MemberRole::Member, Timestamp::now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn leave(pool: &PgPool, room: RoomId, user: UserId) {
    let mut tx = pool.begin().await.unwrap();
    rooms::lock(&mut *tx, &[room]).await.unwrap();
    members::remove(&mut *tx, room, user, Timestamp::now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn act_at_random(pool: &PgPool, rooms: &[RoomId], users: &[UserId], rng: &mut StdRng) {
    let room = rooms[rng.random_range(0..rooms.len())];
    let user = users[rng.random_range(0..users.len())];
    match rng.random_range(0..10) {
        0..5 => {
            let batch: Vec<_> = (0..rng.random_range(1..6))
                .map(|_| {
                    let sender = users[rng.random_range(0..users.len())];
                    text(room, sender, "x")
                })
                .collect();
            append(pool, &batch).await;
        }
        5..8 => {
            let head = rooms::last_seqs(pool, &[room]).await.unwrap()[&room];
            let seq = rng.random_range(-1..head + 2);
            let position = receipts::advance_read(pool, room, user, seq, Timestamp::now())
                .await
                .unwrap();
            if let Some(position) = position {
                assert!(position.unread >= 0);
                assert!(position.last_read_seq >= position.before);
            }
        }
        8 => leave(pool, room, user).await,
        _ => join(pool, room, user).await,
    }
}

#[tokio::test]
async fn unread_equals_a_recount_after_every_act() {
    with_database(|pool| async move {
        for seed in 0..4 {
            let mut rng = StdRng::seed_from_u64(seed);
            let users = [user(&pool).await, user(&pool).await, user(&pool).await];
            let rooms = [group(&pool, &users).await, group(&pool, &users).await];
            for step in 0..60 {
                act_at_random(&pool, &rooms, &users, &mut rng).await;
                let context = format!("seed {seed}, step {step}");
                assert_unread_equals_a_recount(&pool, &users, &context).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_equals_a_recount_after_acts_at_the_same_time() {
    with_database(|pool| async move {
        let mut users = Vec::new();
        for _ in 0..4 {
            users.push(user(&pool).await);
        }
        let rooms = vec![group(&pool, &users).await, group(&pool, &users).await];
        for round in 0..3 {
            let tasks: Vec<_> = (0..6)
                .map(|task| {
                    let (pool, rooms, users) = (pool.clone(), rooms.clone(), users.clone());
                    tokio::spawn(async move {
                        let mut rng = StdRng::seed_from_u64(round * 10 + task);
                        for _ in 0..25 {
                            act_at_random(&pool, &rooms, &users, &mut rng).await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_unread_equals_a_recount(&pool, &users, &format!("round {round}")).await;
        }
    })
    .await;
}
