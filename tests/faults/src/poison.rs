//! A job that can never be done: exactly the ladder's attempts, then the dead letter queue, and other rooms don't feel it.

use std::time::Duration;

use chat_bench::client::{Connection, Packet};
use chat_bench::deployment::{Deployment, Options, SECRET};
use chat_bench::people;
use chat_bench::percentiles::{Latencies, Summary};
use chat_core::ids::RoomId;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

/// One attempt and the retries after 1 s, 5 s and 25 s.
const ATTEMPTS: u32 = 4;

/// What the ladder's waits add up to.
const LADDER: Duration = Duration::from_secs(31);

/// What no store takes: a trigger says no, as a constraint that nobody thought of would.
const TRIGGER: &str = "
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.content = 'poison' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse();";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Other rooms, each with a member who sends every 100 ms
    #[arg(long, default_value_t = 8)]
    rooms: usize,
    /// How much the p99 of the others may grow, in percent, where it is above 20 ms
    #[arg(long, default_value_t = 10.0)]
    growth: f64,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let chat = Deployment::start(&arguments.deployment, 1, 1, &[], false).await?;
    let pool = chat.backends.pool()?;
    sqlx::raw_sql(TRIGGER).execute(&pool).await?;
    let users = people::users(&pool, arguments.rooms + 1).await?;
    let members: Vec<Vec<_>> = users.iter().map(|user| vec![*user]).collect();
    let rooms = people::rooms(&pool, &members).await?;
    let mut sockets = Vec::new();
    for user in &users {
        sockets.push(
            Connection::open(chat.gateways[0].address, &people::token(SECRET, *user)?)
                .await?
                .0,
        );
    }
    // The poisoned one is in a room of its own.
    let mut poisoner = sockets.pop().ok_or_else(|| anyhow::anyhow!("no sockets"))?;
    let others = rooms.clone();
    let talk = async |sockets: Vec<Connection>, length: Duration| {
        let each = sockets
            .into_iter()
            .zip(others.clone())
            .map(|(socket, room)| tokio::spawn(chatter(socket, room, length)));
        let mut all = Latencies::default();
        let mut back = Vec::new();
        for done in futures::future::join_all(each).await {
            let (socket, latencies) = done?;
            all.merge(&latencies);
            back.push(socket);
        }
        anyhow::Ok((back, all.summary()))
    };
    let (sockets, before) = talk(sockets, Duration::from_secs(15)).await?;
    let poisoned = rooms[arguments.rooms];
    for content in ["poison", "after it"] {
        let payload =
            json!({"roomId": poisoned, "content": content, "clientMsgId": Uuid::new_v4()});
        poisoner.emit(1, "message.send", &payload.to_string()).await;
    }
    let hearing = tokio::spawn(timeout(LADDER * 2, failed_then_delivered(poisoner)));
    let (_, during) = talk(sockets, LADDER + Duration::from_secs(4)).await?;
    let heard = hearing.await?;
    let letters = crate::dead_letters(&chat).await?;
    let attempts: Vec<u32> = letters.iter().map(|letter| letter.attempts).collect();
    pool.close().await;
    chat.stop().await?;
    let has_grown =
        during.p99_ms > 20.0 && during.p99_ms > before.p99_ms * (1.0 + arguments.growth / 100.0);
    let passed = attempts == [ATTEMPTS] && matches!(heard, Ok(true)) && !has_grown;
    Ok(json!({
        "passed": passed,
        "deadLetterAttempts": attempts,
        "senderHeardAndRoomWentOn": matches!(heard, Ok(true)),
        "othersBefore": before,
        "othersDuring": during,
        "othersP99GrowthPercent": growth(before, during),
    }))
}

fn growth(before: Summary, during: Summary) -> f64 {
    (during.p99_ms / before.p99_ms - 1.0) * 100.0
}

/// Whether the sender is told of the failure and then gets what waited behind it.
async fn failed_then_delivered(mut socket: Connection) -> bool {
    let mut has_failed = false;
    while let Some(packet) = socket.next().await {
        match packet {
            Packet::Event { name, .. } if name == "message.failed" => has_failed = true,
            Packet::Event { name, .. } if name == "message.delivered" => return has_failed,
            _ => {}
        }
    }
    false
}

/// A member who sends every 100 ms and measures how long each message takes back to itself.
async fn chatter(
    mut socket: Connection,
    room: RoomId,
    length: Duration,
) -> (Connection, Latencies) {
    let mut latencies = Latencies::default();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let end = Instant::now() + length;
    let mut number = 0_u64;
    while Instant::now() < end {
        ticks.tick().await;
        number += 1;
        let content = format!("{number} {}", Uuid::new_v4());
        let payload = json!({"roomId": room, "content": content, "clientMsgId": Uuid::new_v4()});
        let sent = Instant::now();
        socket
            .emit(number, "message.send", &payload.to_string())
            .await;
        let back = timeout(Duration::from_secs(20), async {
            while let Some(packet) = socket.next().await {
                if matches!(&packet, Packet::Event { name, payload } if name == "message.delivered" && payload.contains(&content))
                {
                    return;
                }
            }
        });
        drop(back.await);
        latencies.add(sent.elapsed());
    }
    (socket, latencies)
}
