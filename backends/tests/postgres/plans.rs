//! What is asked for every client and every batch is read by index, whatever the database believes of its tables: on a new
//! deployment it believes them empty until it has looked.

use chat_backends::postgres::messages::{self, Paging};
use chat_backends::postgres::{PgPool, members, receipts, rooms};
use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::database::{group, say, text, user, with_database};

/// Rooms of other people: a scan would show.
const OTHERS: i64 = 3000;

/// Often enough for a prepared statement to get its generic plan, which comes with the sixth time.
const TIMES: i64 = 8;

#[tokio::test]
async fn nothing_that_each_client_asks_scans_a_table_whose_statistics_are_old() {
    with_database(|pool| async move {
        // As on a new deployment: the database looked when there was nothing.
        sqlx::raw_sql(
            "ALTER TABLE users SET (autovacuum_enabled = off); ALTER TABLE rooms SET (autovacuum_enabled = off);
             ALTER TABLE members SET (autovacuum_enabled = off); ANALYZE",
        )
        .execute(&pool)
        .await
        .unwrap();
        let (me, other) = (user(&pool).await, user(&pool).await);
        let mut mine = Vec::new();
        for _ in 0..5 {
            let room = group(&pool, &[me, other]).await;
            say(&pool, room, other, "hello").await;
            mine.push(room);
        }
        others(&pool).await;

        let mut conn = pool.acquire().await.unwrap();
        let mut failed = vec![];
        for act in ACTS {
            let before = scanned(&mut conn).await;
            for time in 1..=TIMES {
                do_it(&mut conn, act, time, (me, other), &mine).await;
            }
            let scanned = scanned(&mut conn).await - before;
            if scanned >= 100 { failed.push(format!("{act}: {scanned} rows")); }
        }
        assert!(failed.is_empty(), "rows were scanned: {failed:?}");
    })
    .await;
}

/// What each client asks when it connects, reads or is read, and what each batch does.
const ACTS: [&str; 11] = [
    "heads",
    "rooms",
    "room",
    "ids of rooms",
    "members",
    "newest page",
    "page before",
    "page after",
    "sends",
    "reads",
    "deliveries",
];

async fn do_it(
    conn: &mut PgConnection,
    act: &str,
    time: i64,
    (me, other): (UserId, UserId),
    mine: &[RoomId],
) {
    let first = mine[0];
    let paging = match act {
        "page before" => Paging::Before(2),
        "page after" => Paging::After(0),
        _ => Paging::Newest,
    };
    let found = match act {
        "heads" => rooms::heads(conn, me, 100).await.unwrap().len(),
        "rooms" => rooms::list(conn, me, None, 20).await.unwrap().0.len(),
        "room" => rooms::view(conn, first, me).await.unwrap().iter().len(),
        "ids of rooms" => members::rooms_of_each(conn, &[me]).await.unwrap()[0].len(),
        "members" => members::ids(conn, first).await.unwrap().len(),
        "sends" => {
            let batch: Vec<_> = mine.iter().map(|room| text(*room, me, "again")).collect();
            messages::append_batch(conn, &batch).await.unwrap().len()
        }
        "reads" => {
            let read = receipts::advance_read(conn, first, me, time, Timestamp::now());
            read.await.unwrap().iter().len()
        }
        "deliveries" => {
            let told = [(first, other, time)];
            receipts::advance_delivered(conn, &told)
                .await
                .unwrap()
                .len()
        }
        _page => {
            let page = messages::page(conn, first, me, paging, 50, true);
            page.await.unwrap().messages.len()
        }
    };
    assert!(found > 0, "{act} found nothing");
}

/// Rooms, their two members and a message in each.
async fn others(pool: &PgPool) {
    for statement in [
        "INSERT INTO rooms (room_id, kind, created_by, created_at, updated_at, last_activity_at, last_seq, member_count)
         SELECT gen_random_uuid(), 'group', gen_random_uuid(), now(), now(), now(), 1, 2 FROM generate_series(1, $1)",
        "INSERT INTO members (room_id, user_id, joined_at)
         SELECT room_id, gen_random_uuid(), now() FROM rooms, generate_series(1, 2) LIMIT 2 * $1",
        "INSERT INTO messages (room_id, seq, message_id, job_id, sender_id, content, created_at)
         SELECT room_id, 1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'x', now() FROM rooms
         ON CONFLICT DO NOTHING",
    ] {
        let query = sqlx::query(statement);
        let query = if statement.contains("$1") { query.bind(OTHERS) } else { query };
        query.execute(pool).await.unwrap();
    }
}

/// Rows that were read in scans of whole tables.
async fn scanned(conn: &mut PgConnection) -> i64 {
    // What a connection has counted is seen once it has said so, at the end of a transaction.
    sqlx::query("SELECT pg_stat_force_next_flush()")
        .execute(&mut *conn)
        .await
        .unwrap();
    sqlx::query_scalar(
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables
         WHERE relname ~ '^(users|rooms|members|messages)'",
    )
    .fetch_one(conn)
    .await
    .unwrap()
}
