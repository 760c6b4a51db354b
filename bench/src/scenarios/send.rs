//! Messages from the first member of each room to all of its members.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chat_bench::client::{Connection, Packet};
use chat_bench::deployment::{Deployment, Options, SECRET};
use chat_bench::people;
use chat_bench::percentiles::Latencies;
use chat_core::ids::{RoomId, UserId};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval_at, timeout};

/// How long what was sent last may take to arrive.
const LAST_DELIVERIES: Duration = Duration::from_secs(20);

/// About as much as people write.
const PADDING: &str = "of a conversation, about as long as people write them";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Messages a second in all; without it as many as `--in-flight` allows
    #[arg(long)]
    rate: Option<f64>,
    /// Messages in flight in all, where no rate is given
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Seconds that are measured, after two that are not
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rooms, with one sender each
    #[arg(long, default_value_t = 32)]
    rooms: usize,
    /// Members of each room, all connected
    #[arg(long, default_value_t = 5)]
    members: usize,
    /// Gateways that the members spread over
    #[arg(long, default_value_t = 1)]
    gateways: usize,
    /// Processors
    #[arg(long, default_value_t = 1)]
    processors: usize,
    /// Measure the plain Node stack of bench/node-peer instead
    #[arg(long)]
    peer: bool,
}

/// One room's run.
struct Run {
    began: Instant,
    /// What is sent from here on counts.
    warm: Instant,
    end: Instant,
    interval: Option<Duration>,
    in_flight: usize,
}

/// What a room's sender and its receivers know of each other.
#[derive(Default)]
struct Progress {
    acknowledged: AtomicU64,
    is_over: AtomicBool,
}

/// What one socket saw.
#[derive(Default)]
struct Seen {
    acks: Latencies,
    deliveries: Latencies,
    acknowledged: usize,
    refused: usize,
    delivered: u64,
    doubled: usize,
    disorder: usize,
    lost: u64,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let Arguments {
        gateways,
        processors,
        ..
    } = *arguments;
    let deployment = if arguments.peer {
        Deployment::start_peer(&arguments.deployment, gateways).await?
    } else {
        Deployment::start(&arguments.deployment, gateways, processors, &[], false).await?
    };
    let pool = deployment.backends.pool()?;
    let users = people::users(&pool, arguments.rooms * arguments.members).await?;
    let members: Vec<Vec<UserId>> = users.chunks(arguments.members).map(<[_]>::to_vec).collect();
    let rooms = people::rooms(&pool, &members).await?;
    let addresses: Vec<SocketAddr> = deployment
        .gateways
        .iter()
        .map(|gateway| gateway.address)
        .collect();
    let seen = measure(arguments, &addresses, &rooms, &members).await?;
    deployment.stop().await?;
    Ok(figures(arguments, seen))
}

async fn measure(
    arguments: &Arguments,
    gateways: &[SocketAddr],
    rooms: &[RoomId],
    members: &[Vec<UserId>],
) -> anyhow::Result<Seen> {
    let mut sockets = Vec::new();
    for (room, members) in rooms.iter().zip(members) {
        let progress = Arc::new(Progress::default());
        for (place, user) in members.iter().enumerate() {
            let token = people::token(SECRET, *user)?;
            let gateway = gateways[sockets.len() % gateways.len()];
            let (connection, _) = Connection::open(gateway, &token).await?;
            sockets.push((connection, *room, place == 0, Arc::clone(&progress)));
        }
    }
    let began = Instant::now();
    let warm = began + Duration::from_secs(2);
    let run = Arc::new(Run {
        began,
        warm,
        end: warm + Duration::from_secs(arguments.seconds),
        interval: arguments.rate.map(|rate| {
            Duration::from_secs_f64(1.0)
                .mul_f64(1.0 / rate)
                .mul_f64(rooms.len() as f64)
        }),
        in_flight: (arguments.in_flight / rooms.len()).max(1),
    });
    let count = sockets.len();
    let tasks: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(number, (connection, room, sends, progress))| {
            let share = number as f64 / count as f64;
            tokio::spawn(socket(
                connection,
                room,
                sends.then_some(share),
                progress,
                Arc::clone(&run),
            ))
        })
        .collect();
    let mut all = Seen::default();
    for task in tasks {
        let seen = task.await?;
        all.acks.merge(&seen.acks);
        all.deliveries.merge(&seen.deliveries);
        all.acknowledged += seen.acknowledged;
        all.refused += seen.refused;
        all.doubled += seen.doubled;
        all.disorder += seen.disorder;
        all.lost += seen.lost;
    }
    Ok(all)
}

fn figures(arguments: &Arguments, mut seen: Seen) -> Value {
    let seconds = arguments.seconds as f64;
    json!({
        "messagesPerSecond": super::rate(seen.acknowledged, seconds),
        "deliveriesPerSecond": super::rate(seen.deliveries.summary().count, seconds),
        "ack": seen.acks.summary(),
        "delivery": seen.deliveries.summary(),
        "refused": seen.refused,
        "lost": seen.lost,
        "doubled": seen.doubled,
        "disorder": seen.disorder,
    })
}

/// One socket until everything has arrived; `sends` is its place in the interval, if it sends.
async fn socket(
    mut connection: Connection,
    room: RoomId,
    sends: Option<f64>,
    progress: Arc<Progress>,
    run: Arc<Run>,
) -> Seen {
    let mut seen = Seen::default();
    let mut waiting: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut number = 0;
    let pace = run.interval.unwrap_or(Duration::from_secs(3600));
    let mut ticks = interval_at(
        (run.began + pace.mul_f64(sends.unwrap_or_default())).into(),
        pace,
    );
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let deadline = run.end + LAST_DELIVERIES;
    loop {
        let now = Instant::now();
        if sends.is_some() && run.interval.is_none() && now < run.end {
            while waiting.len() < run.in_flight {
                emit(&mut connection, room, number, &run, &mut waiting).await;
                number += 1;
            }
        }
        if sends.is_some() && now >= run.end && waiting.is_empty() {
            progress.is_over.store(true, Ordering::Release);
        }
        let is_complete = progress.is_over.load(Ordering::Acquire)
            && seen.delivered >= progress.acknowledged.load(Ordering::Acquire);
        if is_complete || now > deadline {
            break;
        }
        tokio::select! {
            packet = connection.next() => match packet {
                Some(packet) => take(packet, &run, &mut waiting, &mut seen, &progress),
                None => break,
            },
            _ = ticks.tick(), if sends.is_some() && run.interval.is_some() && now < run.end => {
                emit(&mut connection, room, number, &run, &mut waiting).await;
                number += 1;
            }
            _ = looks.tick() => {}
        }
    }
    seen.lost = progress
        .acknowledged
        .load(Ordering::Acquire)
        .saturating_sub(seen.delivered);
    drop(timeout(Duration::from_secs(1), connection.close()).await);
    seen
}

async fn emit(
    connection: &mut Connection,
    room: RoomId,
    number: u64,
    run: &Run,
    waiting: &mut VecDeque<(u64, Instant)>,
) {
    let now = Instant::now();
    let since = now.duration_since(run.began).as_micros();
    let payload = format!(
        "{{\"roomId\":\"{room}\",\"content\":\"{number} {since} {PADDING}\",\"clientMsgId\":\"{}\"}}",
        uuid::Uuid::now_v7()
    );
    connection.emit(number, "message.send", &payload).await;
    waiting.push_back((number, now));
}

fn take(
    packet: Packet,
    run: &Run,
    waiting: &mut VecDeque<(u64, Instant)>,
    seen: &mut Seen,
    progress: &Progress,
) {
    match packet {
        Packet::Ack { id, payload } => {
            let Some(place) = waiting.iter().position(|(number, _)| *number == id) else {
                return;
            };
            let Some((_, sent)) = waiting.remove(place) else {
                return;
            };
            if !payload.contains("\"QUEUED\"") {
                seen.refused += 1;
                return;
            }
            progress.acknowledged.fetch_add(1, Ordering::AcqRel);
            if sent >= run.warm {
                seen.acks.add(sent.elapsed());
                seen.acknowledged += 1;
            }
        }
        Packet::Event { name, payload } if name == "message.delivered" => {
            let Some((number, micros)) = stamp(&payload) else {
                return;
            };
            match number.cmp(&seen.delivered) {
                std::cmp::Ordering::Equal => seen.delivered += 1,
                std::cmp::Ordering::Less => {
                    seen.doubled += 1;
                    return;
                }
                std::cmp::Ordering::Greater => {
                    seen.disorder += 1;
                    seen.delivered += 1;
                }
            }
            let sent = run.began + Duration::from_micros(micros);
            if sent >= run.warm {
                seen.deliveries.add(sent.elapsed());
            }
        }
        Packet::Event { .. } => {}
    }
}

/// Number and time of sending.
fn stamp(payload: &str) -> Option<(u64, u64)> {
    let (_, content) = payload.split_once("\"content\":\"")?;
    let mut words = content.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
