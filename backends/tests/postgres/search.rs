//! Full-text search finds what was said before it began, and only in the searcher's rooms.

use chat_backends::postgres::messages::{self, Search};
use chat_backends::postgres::{PgPool, members, rooms};
use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;

use crate::database::{append, group, say, text, user, with_database};

fn words(text: &str) -> Search<'_> {
    Search {
        text,
        room: None,
        sender: None,
        from: None,
        to: None,
        before: None,
        limit: 50,
    }
}

async fn found(pool: &PgPool, viewer: UserId, search: Search<'_>) -> Vec<(RoomId, i64)> {
    let mut conn = pool.acquire().await.unwrap();
    messages::search(&mut conn, viewer, &search)
        .await
        .unwrap()
        .into_iter()
        .map(|hit| hit.place)
        .collect()
}

#[tokio::test]
async fn a_message_is_found_at_once_by_members_and_never_by_others() {
    with_database(|pool| async move {
        let (one, other, stranger) = (user(&pool).await, user(&pool).await, user(&pool).await);
        let room = group(&pool, &[one, other]).await;
        let theirs = group(&pool, &[stranger]).await;
        say(&pool, room, one, "The quick brown Fox").await;
        say(&pool, theirs, stranger, "a fox of mine").await;
        assert_eq!(found(&pool, other, words("fox")).await, [(room, 1)]);
        assert_eq!(
            found(&pool, other, words("\"brown fox\"")).await,
            [(room, 1)]
        );
        assert_eq!(found(&pool, other, words("fox -quick")).await, []);
        assert_eq!(found(&pool, stranger, words("fox")).await, [(theirs, 1)]);
        for nothing in ["", "   ", "!?&|:*", "wolf", "room", "' OR 1=1 --", "room:*"] {
            assert_eq!(found(&pool, other, words(nothing)).await, [], "{nothing:?}");
        }
        // Naming a room's own word finds nothing outside one's rooms.
        let word = format!("\"room:{theirs}\" or fox");
        assert_eq!(found(&pool, other, words(&word)).await, [(room, 1)]);

        let mut tx = pool.begin().await.unwrap();
        rooms::lock(&mut *tx, &[room]).await.unwrap();
        members::remove(&mut *tx, room, other, Timestamp::now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(found(&pool, other, words("fox")).await, []);
    })
    .await;
}

#[tokio::test]
async fn search_follows_edits_and_deletions() {
    with_database(|pool| async move {
        let one = user(&pool).await;
        let room = group(&pool, &[one]).await;
        for word in ["apple", "apple", "apple", "apple"] {
            say(&pool, room, one, word).await;
        }
        let mut conn = pool.acquire().await.unwrap();
        let now = Timestamp::now();
        // Before and after the room was indexed.
        messages::edit(&mut conn, room, 1, "pear", now)
            .await
            .unwrap();
        assert_eq!(
            found(&pool, one, words("apple")).await,
            [(room, 4), (room, 3), (room, 2)]
        );
        messages::edit(&mut conn, room, 2, "pear", now)
            .await
            .unwrap();
        messages::delete_for_all(&pool, room, 3, one, now)
            .await
            .unwrap();
        messages::hide(&pool, room, one, 4, now).await.unwrap();
        assert_eq!(found(&pool, one, words("apple")).await, []);
        assert_eq!(
            found(&pool, one, words("pear")).await,
            [(room, 2), (room, 1)]
        );
    })
    .await;
}

#[tokio::test]
async fn search_pages_newest_first_and_filters() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let (room, second) = (
            group(&pool, &[one, other]).await,
            group(&pool, &[one]).await,
        );
        // More than one step of the indexer.
        let batch: Vec<_> = (0..1200)
            .map(|number| {
                text(
                    room,
                    if number % 2 == 0 { one } else { other },
                    "common word",
                )
            })
            .collect();
        append(&pool, &batch).await;
        say(&pool, second, one, "common too").await;
        assert_eq!(found(&pool, one, words("common")).await.len(), 50);
        let only_other = Search {
            sender: Some(other),
            limit: 2000,
            ..words("common")
        };
        assert_eq!(found(&pool, one, only_other).await.len(), 600);
        let only_second = Search {
            room: Some(second),
            ..words("common")
        };
        assert_eq!(found(&pool, one, only_second).await, [(second, 1)]);
        let future = Search {
            from: Some(Timestamp::from_unix_millis(9_999_999_999_999).unwrap()),
            ..words("common")
        };
        assert_eq!(found(&pool, one, future).await, []);

        let mut conn = pool.acquire().await.unwrap();
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = Search {
                before,
                limit: 500,
                ..words("common")
            };
            let hits = messages::search(&mut conn, one, &page).await.unwrap();
            let Some(last) = hits.last() else { break };
            assert!(
                hits[0].highlight.contains("**common**"),
                "{}",
                hits[0].highlight
            );
            before = Some(last.message_id);
            seen.extend(hits.into_iter().map(|hit| hit.message_id));
        }
        assert_eq!(seen.len(), 1201);
        assert!(seen.is_sorted_by(|newer, older| newer > older));
    })
    .await;
}

#[tokio::test]
async fn the_indexer_catches_up_and_then_has_nothing_to_do() {
    with_database(|pool| async move {
        let one = user(&pool).await;
        for _ in 0..3 {
            let room = group(&pool, &[one]).await;
            let batch: Vec<_> = (0..700).map(|_| text(room, one, "words")).collect();
            append(&pool, &batch).await;
        }
        let mut conn = pool.acquire().await.unwrap();
        let mut rounds = 0;
        while messages::index_rooms(&mut conn, 2).await.unwrap() > 0 {
            rounds += 1;
            assert!(rounds < 10, "it never ends");
        }
        let indexed: i64 = sqlx::query_scalar("SELECT count(*) FROM message_words")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(indexed, 2100);
    })
    .await;
}
