//! The command line: parses, calls, prints.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use chat_backends::config::ConfigError;
use chat_core::env;
use chat_processor::telemetry::{self, TelemetryArgs};
use chat_server::config::{Config, GatewayArgs};
use clap::{Args, CommandFactory, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The gateway of ChatCluster: REST, Socket.IO and the chat page.
#[derive(Debug, Parser)]
#[command(name = "chat-server", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Box<ServeArgs>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM (the default)
    Serve(Box<ServeArgs>),
    /// Check the settings without connecting to anything, and show them without secrets
    CheckConfig(Box<ServeArgs>),
    /// Print the OpenAPI document of the routes
    Openapi,
    /// Print the AsyncAPI document of the sockets
    Asyncapi,
    /// Print a shell's completion script
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
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
    pub(crate) fn run(self) -> Result<(), CliError> {
        match self.command {
            None => serve(&self.serve),
            Some(Command::Serve(args)) => serve(&args),
            Some(Command::CheckConfig(args)) => {
                let config = args.gateway.resolve()?;
                print(&format!("{config:#?}\n"))
            }
            Some(Command::Openapi) => print(&format!("{:#}\n", chat_server::openapi())),
            Some(Command::Asyncapi) => print(&format!("{:#}\n", chat_server::asyncapi())),
            Some(Command::Completion { shell }) => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "chat-server", &mut script);
                print(&String::from_utf8_lossy(&script))
            }
        }
    }
}

fn serve(args: &ServeArgs) -> Result<(), CliError> {
    let config = args.gateway.resolve()?;
    telemetry::init(&args.telemetry).map_err(|error| {
        ConfigError::new(env::RUST_LOG, format!("is not a log filter: {error}"))
    })?;
    let _exporting = telemetry::export(&args.telemetry, "chat-gateway", &config.gateway_id)?;
    let runtime = tokio::runtime::Runtime::new().map_err(anyhow::Error::from)?;
    runtime.block_on(serve_until_signal(config))
}

async fn serve_until_signal(config: Config) -> Result<(), CliError> {
    let listener = bind(config.port).await.map_err(|error| {
        ConfigError::new(env::PORT, format!("{} can't be used: {error}", config.port))
    })?;
    let address = listener.local_addr().map_err(anyhow::Error::from)?;
    tracing::info!(port = address.port(), "listening");
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).map_err(anyhow::Error::from)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(anyhow::Error::from)?;
    let stopping = stop.clone();
    let watching = tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: draining");
        stopping.cancel();
        // Whoever asks twice does not want to wait.
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(130);
    });
    let result = chat_server::run(config, listener, stop).await;
    watching.abort();
    Ok(result?)
}

/// All addresses of both families; only IPv4 where the kernel has no IPv6.
async fn bind(port: u16) -> std::io::Result<TcpListener> {
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match TcpListener::bind(both).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(error),
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await,
    }
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
