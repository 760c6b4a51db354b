//! The operator's process: reads its configuration, starts telemetry, and hands over to the library.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use chat_operator::config::{Cli, Command, LogFormat, RunConfig};
use clap::{CommandFactory, Parser};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Logging may not have started; one line on standard error is always seen.
            let _ = writeln!(std::io::stderr(), "chat-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<()> {
    match cli.command.unwrap_or(Command::Run) {
        Command::Run => run(cli.run),
        Command::Crd => print(&chat_operator::manifest::crd()?),
        Command::Validate { file } => {
            let cluster = chat_operator::manifest::check(&read(&file)?)?;
            print(&format!("{cluster} is valid\n"))
        }
        Command::Completion { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "chat-operator",
                &mut std::io::stdout(),
            );
            Ok(())
        }
    }
}

fn run(config: RunConfig) -> anyhow::Result<()> {
    start_logging(&config)?;
    // One thread keeps up with a thousand ChatClusters, for the API server does most of the work; each more has a heap of its
    // own, in which what lives for a moment lies between what stays.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?
        .block_on(async {
            let stop = CancellationToken::new();
            let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
            let on_signal = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                on_signal.cancel();
            });
            chat_operator::run::run(config, stop).await
        })
}

fn start_logging(config: &RunConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_filter)
        .with_context(|| format!("RUST_LOG: {:?} is no log filter", config.log_filter))?;
    let json = match config.log_format {
        Some(format) => format == LogFormat::Json,
        None => !std::io::stderr().is_terminal(),
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        logs.json().flatten_event(true).init();
    } else {
        logs.init();
    }
    Ok(())
}

fn read(file: &str) -> anyhow::Result<String> {
    if file == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("reading {file}"))
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output")
}
