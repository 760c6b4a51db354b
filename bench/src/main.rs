//! Measures a chat on loopback, on backends of its own: `chat-bench --help`.

mod scenarios;

use clap::{Parser, Subcommand};

use scenarios::{drain, history, idle, send, storm};

/// Measures a ChatCluster on loopback: gateways, processors and backends are started for the measurement and ended with it
#[derive(Debug, Parser)]
#[command(name = "chat-bench", version)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
    /// Print the figures as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Messages at a rate or with a number of them in flight: throughput, ack and delivery latency, loss and order
    Send(send::Arguments),
    /// Memory of a gateway with many idle sockets
    Idle(idle::Arguments),
    /// All clients come back at once and resume
    Storm(storm::Arguments),
    /// History pages of a room with many messages
    History(history::Arguments),
    /// A backlog of jobs and a processor that is started after it
    Drain(drain::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let figures = match &cli.scenario {
        Scenario::Send(arguments) => send::run(arguments).await?,
        Scenario::Idle(arguments) => idle::run(arguments).await?,
        Scenario::Storm(arguments) => storm::run(arguments).await?,
        Scenario::History(arguments) => history::run(arguments).await?,
        Scenario::Drain(arguments) => drain::run(arguments).await?,
    };
    let command: Vec<String> = std::env::args().skip(1).collect();
    scenarios::print(&command.join(" "), &figures, cli.json);
    Ok(())
}
