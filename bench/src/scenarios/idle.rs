//! What an idle, authenticated socket in some rooms costs the gateway.

use std::time::Duration;

use chat_bench::deployment::{Deployment, Options, resident_bytes};
use serde_json::{Value, json};

use super::hall::{self, Hall};

/// Until what a connect needed for a moment is given back, timers of fifteen seconds among it.
const SETTLE: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Sockets that are counted, one a user; a quarter more are connected before
    #[arg(long, default_value_t = 4000)]
    sockets: usize,
    /// Rooms of each user
    #[arg(long, default_value_t = 5)]
    rooms: usize,
    /// Measure the plain Node stack of bench/node-peer instead
    #[arg(long)]
    peer: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let chat = if arguments.peer {
        Deployment::start_peer(&arguments.deployment, 1).await?
    } else {
        Deployment::start(&arguments.deployment, 1, 1, &[], false).await?
    };
    // The first of them are not counted: pools, caches and the allocator's arenas have their size after them.
    let uncounted = arguments.sockets.div_ceil(4);
    let all = arguments.sockets + uncounted;
    let hall = Hall::build(&chat, all, arguments.rooms).await?;
    let gateway = chat.gateways[0]
        .id()
        .ok_or_else(|| anyhow::anyhow!("the gateway is gone"))?;
    let first = hall::connect(&chat, &hall.tokens[..uncounted]).await?;
    let mut visitors: Vec<_> = first.into_iter().map(hall::idle).collect();
    tokio::time::sleep(SETTLE).await;
    let before = resident_bytes(gateway)?;
    let began = std::time::Instant::now();
    let rest = hall::connect(&chat, &hall.tokens[uncounted..]).await?;
    let connected = began.elapsed().as_secs_f64();
    visitors.extend(rest.into_iter().map(hall::idle));
    tokio::time::sleep(SETTLE).await;
    let after = resident_bytes(gateway)?;
    let still = visitors
        .iter()
        .filter(|visitor| !visitor.is_finished())
        .count();
    for visitor in visitors {
        visitor.abort();
    }
    drop(chat.stop().await);
    let counted = u64::try_from(arguments.sockets.max(1))?;
    Ok(json!({
        "sockets": still,
        "roomsEach": arguments.rooms,
        "gatewayBytes": after,
        "bytesPerSocket": after.saturating_sub(before) / counted,
        "connectsPerSecond": super::rate(arguments.sockets, connected),
    }))
}
