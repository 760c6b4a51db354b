//! All clients lose their connections at once, come back and resume.

use std::time::{Duration, Instant};

use chat_backends::postgres::PgPool;
use chat_bench::client::{Connection, Packet};
use chat_bench::deployment::{Deployment, Options};
use chat_bench::percentiles::Latencies;
use serde_json::{Value, json};

use super::hall::{self, Hall};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Clients
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Rooms of each
    #[arg(long, default_value_t = 5)]
    rooms: usize,
    /// Gateways
    #[arg(long, default_value_t = 1)]
    gateways: usize,
    /// Clients come back spread over so many seconds, as their libraries' jitter does it
    #[arg(long, default_value_t = 2.0)]
    spread: f64,
    /// Kill the gateways too; else only the connections break
    #[arg(long)]
    kill: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let mut chat =
        Deployment::start(&arguments.deployment, arguments.gateways, 1, &[], false).await?;
    let hall = Hall::build(&chat, arguments.clients, arguments.rooms).await?;
    let began = Instant::now();
    let connections = hall::connect(&chat, &hall.tokens).await?;
    let first = began.elapsed().as_secs_f64();
    let queries_before = queries(&hall.pool).await?;
    drop(connections);
    if arguments.kill {
        for gateway in &mut chat.gateways {
            gateway.kill()?;
            gateway.start()?;
        }
    }
    let storm = Instant::now();
    let returns: Vec<_> = hall
        .tokens
        .iter()
        .zip(&hall.rooms)
        .enumerate()
        .map(|(number, (token, rooms))| {
            let gateway = chat.gateways[number % chat.gateways.len()].address;
            let rooms: Vec<_> = rooms
                .iter()
                .map(|room| json!({"roomId": room, "lastSeq": 0}))
                .collect();
            let resume = json!({"rooms": rooms}).to_string();
            let wait = Duration::from_secs_f64(
                arguments.spread * number as f64 / arguments.clients as f64,
            );
            tokio::spawn(come_back(gateway, token.clone(), resume, wait, storm))
        })
        .collect();
    let mut latencies = Latencies::default();
    let mut back = Vec::new();
    for returned in returns {
        let (connection, latency) = returned.await??;
        latencies.add(latency);
        back.push(connection);
    }
    let all_back = storm.elapsed().as_secs_f64();
    let asked = queries(&hall.pool).await?.saturating_sub(queries_before);
    drop(back);
    hall.pool.close().await;
    drop(chat.stop().await);
    let clients = u32::try_from(arguments.clients)?;
    Ok(json!({
        "clients": clients,
        "firstConnectSeconds": first,
        "allBackSeconds": all_back,
        "lossToResumed": latencies.summary(),
        "databaseTransactions": asked,
        "transactionsPerTenResumes": asked as f64 * 10.0 / f64::from(clients),
    }))
}

/// Connects, again and again if need be, and resumes.
async fn come_back(
    gateway: std::net::SocketAddr,
    token: String,
    resume: String,
    wait: Duration,
    storm: Instant,
) -> anyhow::Result<(Connection, Duration)> {
    tokio::time::sleep(wait).await;
    loop {
        anyhow::ensure!(
            storm.elapsed() < Duration::from_secs(120),
            "a client did not come back within two minutes"
        );
        if let Ok((mut connection, _)) = Connection::open(gateway, &token).await {
            connection.emit(1, "session.resume", &resume).await;
            while let Some(packet) = connection.next().await {
                if let Packet::Ack { id: 1, payload } = packet {
                    if payload.contains("\"OK\"") {
                        return Ok((connection, storm.elapsed()));
                    }
                    break;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Transactions of the database so far; a single statement is one.
async fn queries(pool: &PgPool) -> anyhow::Result<u64> {
    // A backend tells what it did a second after it did it, at the latest.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let count: i64 = sqlx::query_scalar(
        "SELECT (xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(pool)
    .await?;
    Ok(u64::try_from(count)?)
}
