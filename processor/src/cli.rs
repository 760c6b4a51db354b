//! The command line: parses, calls, prints.

mod dlq;
mod replay;

use std::io::Write as _;

use chat_backends::config::{ConfigError, PostgresArgs};
use chat_backends::postgres;
use chat_processor::config::ProcessorArgs;
use chat_processor::telemetry::{self, TelemetryArgs};
use clap::{CommandFactory, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The EventProcessor of ChatCluster: works the job queues off.
#[derive(Debug, Parser)]
#[command(name = "chat-processor", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Work the queues off until SIGTERM
    Run(Box<ProcessorArgs>),
    /// Bring the database's schema up to this version, then exit
    Migrate(PostgresArgs),
    /// Look at the dead letters, replay or remove them
    Dlq(Box<dlq::DlqArgs>),
    /// Let a consumer group read the event log again; what it has kept already is not counted twice
    Replay(replay::ReplayArgs),
    /// Check the settings without connecting to anything, and show them without secrets
    CheckConfig(Box<ProcessorArgs>),
    /// Print a shell's completion script
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Why the program ends with an error.
#[derive(Debug)]
pub(crate) enum CliError {
    /// A setting is missing or wrong.
    Config(ConfigError),
    /// What was asked for did not work.
    Failed(anyhow::Error),
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Cli {
    pub(crate) async fn run(self) -> Result<(), CliError> {
        telemetry::init(&self.telemetry).map_err(|error| {
            ConfigError::new(
                chat_core::env::RUST_LOG,
                format!("is not a log filter: {error}"),
            )
        })?;
        match self.command {
            Command::Run(args) => run(&args, &self.telemetry).await,
            Command::Migrate(args) => migrate(&args).await,
            Command::Dlq(args) => dlq::run(*args).await,
            Command::Replay(args) => replay::run(args).await,
            Command::CheckConfig(args) => {
                let config = args.resolve()?;
                print(&format!("{config:#?}\n"))
            }
            Command::Completion { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "chat-processor", &mut script);
                print(&String::from_utf8_lossy(&script))
            }
        }
    }
}

async fn run(args: &ProcessorArgs, telemetry: &TelemetryArgs) -> Result<(), CliError> {
    let config = args.resolve()?;
    let _exporting = telemetry::export(telemetry, "chat-processor", &config.name)?;
    let listener = TcpListener::bind(("0.0.0.0", config.port))
        .await
        .map_err(|error| {
            ConfigError::new(
                chat_core::env::PORT,
                format!("{} can't be used: {error}", config.port),
            )
        })?;
    let stop = CancellationToken::new();
    let signals = stop.clone();
    let mut terminate = signal(SignalKind::terminate()).map_err(anyhow::Error::from)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(anyhow::Error::from)?;
    let watching = tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: finishing what is in hand");
        signals.cancel();
        // Whoever asks twice does not want to wait.
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(130);
    });
    let result = chat_processor::run::run(config, listener, stop).await;
    watching.abort();
    Ok(result?)
}

async fn migrate(args: &PostgresArgs) -> Result<(), CliError> {
    let config = args.resolve()?;
    let pool = postgres::connect(&config).map_err(anyhow::Error::from)?;
    tracing::info!("migrating");
    postgres::migrate(&pool)
        .await
        .map_err(anyhow::Error::from)?;
    tracing::info!("the schema is current");
    Ok(())
}

/// Prints to standard output; a reader that went away is no error.
fn print(text: &str) -> Result<(), CliError> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::from(error).into())
        }
        _ => Ok(()),
    }
}
