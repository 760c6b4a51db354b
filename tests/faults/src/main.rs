//! Breaks a chat on loopback and checks that it keeps its promise: an acknowledged message is stored once, has one number,
//! keeps its place, and reaches everybody. `chat-faults --help`.
#![forbid(unsafe_code)]

mod breaker;
mod call;
mod chaos;
mod checker;
mod confirm;
mod crowd;
mod jitter;
mod ledger;
mod member;
mod poison;
mod same_id;
mod schedule;
mod view;

use std::process::ExitCode;

use chat_backends::config::RabbitConfig;
use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::dead_letter::{DeadLetter, DeadLetterDesk};
use chat_bench::backends::{Kind, rabbitmq_url};
use chat_bench::deployment::Deployment;
use clap::{Parser, Subcommand};

/// Breaks a ChatCluster on loopback, with backends of its own, and checks that nothing is lost, doubled or out of order
#[derive(Debug, Parser)]
#[command(name = "chat-faults", version)]
struct Cli {
    #[command(subcommand)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Run {
    /// Gateways, processors and backends are killed, links are cut, processors scale 1 → 4 → 1 while members send
    Chaos(chaos::Arguments),
    /// The same message 50 times at once through three gateways: one row, one number, one answer; the first body wins
    SameId(same_id::Arguments),
    /// Clients that are closed again and again
    Jitter(jitter::Arguments),
    /// A call whose gateway is killed while it rings
    Call(call::Arguments),
    /// A job that can't be done
    Poison(poison::Arguments),
    /// Confirms of the broker that don't come through
    Confirm(confirm::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let figures = match &Cli::parse().run {
        Run::Chaos(arguments) => chaos::run(arguments).await?,
        Run::SameId(arguments) => same_id::run(arguments).await?,
        Run::Jitter(arguments) => jitter::run(arguments).await?,
        Run::Call(arguments) => call::run(arguments).await?,
        Run::Poison(arguments) => poison::run(arguments).await?,
        Run::Confirm(arguments) => confirm::run(arguments).await?,
    };
    say(&serde_json::to_string_pretty(&figures)?);
    Ok(if figures["passed"] == true {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[expect(clippy::print_stdout, reason = "this is how a run tells what it does")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// What lies in the dead letter queue.
pub(crate) async fn dead_letters(chat: &Deployment) -> anyhow::Result<Vec<DeadLetter>> {
    let config = RabbitConfig::from_url(rabbitmq_url(chat.backends.get(Kind::RabbitMq).address))?;
    let broker = Broker::connect(&config, "chat-faults").await?;
    let desk = DeadLetterDesk::open(&broker, &config).await?;
    let letters = desk.list(1000).await?;
    broker.close().await;
    Ok(letters)
}
