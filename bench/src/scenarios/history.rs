//! Pages of rooms that hold many messages.

use std::time::{Duration, Instant};

use chat_bench::backends::{Kind, database_url};
use chat_bench::client::{Connection, Packet};
use chat_bench::deployment::{Deployment, Options, SECRET};
use chat_bench::people;
use chat_bench::percentiles::Latencies;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Members who ask, one page at a time each.
const READERS: usize = 8;

/// Below the rate at which one user is slowed down.
const PAUSE: Duration = Duration::from_millis(30);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Messages in all
    #[arg(long, default_value_t = 1_000_000)]
    messages: i64,
    /// Rooms that hold them
    #[arg(long, default_value_t = 10)]
    rooms: usize,
    /// Pages that are read
    #[arg(long, default_value_t = 2000)]
    pages: usize,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let chat = Deployment::start(&arguments.deployment, 1, 1, &[], false).await?;
    let pool = chat.backends.pool()?;
    let users = people::users(&pool, READERS).await?;
    let rooms = people::rooms(&pool, &vec![users.clone(); arguments.rooms]).await?;
    // Without the limits of the chat's own pool: what is loaded takes its time.
    let loader =
        sqlx::PgPool::connect(&database_url(chat.backends.get(Kind::Postgres).address)).await?;
    let each = arguments.messages / i64::try_from(arguments.rooms)?;
    let began = Instant::now();
    for room in &rooms {
        // Some at a time: a statement may not take for ever.
        for from in (1..=each).step_by(50_000) {
            sqlx::query(
                "INSERT INTO messages (room_id, seq, message_id, job_id, sender_id, content, created_at)
                 SELECT $1, n, gen_random_uuid(), gen_random_uuid(), $2, 'message ' || n || ' of a long history', now()
                 FROM generate_series($3::bigint, $4::bigint) AS n",
            )
            .bind(room.uuid())
            .bind(users[0].uuid())
            .bind(from)
            .bind((from + 49_999).min(each))
            .execute(&loader)
            .await?;
        }
    }
    sqlx::query("UPDATE rooms SET last_seq = $1")
        .bind(each)
        .execute(&loader)
        .await?;
    sqlx::query("VACUUM ANALYZE messages")
        .execute(&loader)
        .await?;
    let loaded = began.elapsed().as_secs_f64();
    let mut readers = Vec::new();
    for (number, user) in users.iter().enumerate() {
        let socket = Connection::open(chat.gateways[0].address, &people::token(SECRET, *user)?)
            .await?
            .0;
        let rooms = rooms.clone();
        let pages = arguments.pages / READERS;
        readers.push(tokio::spawn(async move {
            read(socket, &rooms, each, pages, number).await
        }));
    }
    let mut latencies = Latencies::default();
    for reader in readers {
        latencies.merge(&reader.await??);
    }
    loader.close().await;
    pool.close().await;
    drop(chat.stop().await);
    Ok(
        json!({"messages": arguments.messages, "loadedInSeconds": loaded, "pageOf50": latencies.summary()}),
    )
}

/// Reads pages at places that are spread over the rooms' whole length.
async fn read(
    mut socket: Connection,
    rooms: &[chat_core::ids::RoomId],
    each: i64,
    pages: usize,
    reader: usize,
) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::default();
    let mut place = i64::try_from(reader)? * 7919 + 1;
    for page in 0..pages {
        place = (place * 48_271) % 2_147_483_647;
        let room = rooms[(page + reader) % rooms.len()];
        let query = json!({"roomId": room, "afterSeq": place % each.max(1), "limit": 50});
        let id = u64::try_from(page)?;
        let asked = Instant::now();
        socket.emit(id, "message.history", &query.to_string()).await;
        loop {
            match timeout(Duration::from_secs(20), socket.next()).await? {
                Some(Packet::Ack { payload, .. }) => {
                    anyhow::ensure!(payload.contains("\"OK\""), "no page: {payload}");
                    break;
                }
                Some(Packet::Event { .. }) => {}
                None => anyhow::bail!("the gateway closed the socket"),
            }
        }
        latencies.add(asked.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(latencies)
}
