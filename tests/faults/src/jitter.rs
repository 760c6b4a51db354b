//! Clients that lose their connection again and again: everything arrives, nothing twice, and what was missed is there at
//! once.

use std::time::Duration;

use chat_bench::deployment::{Deployment, Options};
use serde_json::{Value, json};

use crate::crowd::{Crowd, Shape};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Clients; each is in two rooms
    #[arg(long, default_value_t = 200)]
    clients: usize,
    /// Seconds that a client stays, on average
    #[arg(long, default_value_t = 5.0)]
    stays: f64,
    /// Seconds that it is away then
    #[arg(long, default_value_t = 2.0)]
    away: f64,
    /// How long messages are sent, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Messages a second in all
    #[arg(long, default_value_t = 40.0)]
    rate: f64,
    /// Longest replay of 99 in 100, in milliseconds
    #[arg(long, default_value_t = 1000.0)]
    replay_p99_ms: f64,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let chat = Deployment::start(&arguments.deployment, 2, 1, &[], false).await?;
    let per_client = f64::from(arguments.seconds) * arguments.rate / arguments.clients as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number"
    )]
    let per_client = per_client.ceil() as usize;
    let shape = Shape {
        members: arguments.clients,
        rooms: (arguments.clients / 10).max(3),
        rooms_each: 2,
        sends: per_client * arguments.clients,
        rate: arguments.rate,
        comes_and_goes: Some((
            Duration::from_secs_f64(arguments.stays),
            Duration::from_secs_f64(arguments.away),
        )),
        seed: 1,
    };
    let crowd = Crowd::start(&chat, shape).await?;
    let patience = Duration::from_secs(u64::from(arguments.seconds));
    let (verdict, late, states) = crowd.finish(patience * 2).await?;
    let mut replays = chat_bench::percentiles::Latencies::default();
    for state in &states {
        replays.merge(&state.replays);
    }
    let replays = replays.summary();
    let connects: u64 = states.iter().map(|state| state.connects).sum();
    drop(chat.stop().await);
    let passed = verdict.is_clean() && late == 0 && replays.p99_ms < arguments.replay_p99_ms;
    Ok(
        json!({"passed": passed, "clients": states.len(), "connects": connects, "replay": replays, "toldToAsk": late, "verdict": verdict}),
    )
}
