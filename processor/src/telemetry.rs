//! Logs: JSON in containers, text on a terminal; traces, where they are wanted. Both binaries start here.

use std::io::IsTerminal;

use chat_backends::config::ConfigError;
use chat_backends::rabbitmq::SILENCED_LOG_TARGET;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::trace::Exporting;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// What a binary tells of itself.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetryArgs {
    /// Log filter, for example `info,chat_processor=debug`.
    #[arg(long = "log", env = chat_core::env::RUST_LOG, default_value = "info,lapin=off", global = true)]
    pub filter: String,
    /// Log format; by default text on a terminal and JSON elsewhere.
    #[arg(long = "log-format", env = chat_core::env::LOG_FORMAT, global = true)]
    pub format: Option<LogFormat>,
    /// Where traces go, over OTLP/HTTP: the base URL of a collector, for example `http://collector:4318`. By default nowhere.
    #[arg(long, env = chat_core::env::OTEL_EXPORTER_OTLP_ENDPOINT, global = true)]
    pub otel_exporter_otlp_endpoint: Option<String>,
}

/// Starts logging to standard error. Later calls do nothing.
///
/// # Errors
/// If the filter can't be parsed.
pub fn init(args: &TelemetryArgs) -> Result<(), tracing_subscriber::filter::ParseError> {
    // Whatever the filter says: on a returned message the driver logs the whole body.
    let silenced = format!("{SILENCED_LOG_TARGET}=off").parse()?;
    let filter = EnvFilter::try_new(&args.filter)?.add_directive(silenced);
    let terminal = std::io::stderr().is_terminal();
    let format = args.format.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second initialisation (tests in one process) keeps the first one.
    let _already_started = match format {
        LogFormat::Json => registry
            .with(layer.json().flatten_event(true).with_current_span(false))
            .try_init(),
        LogFormat::Text => registry.with(layer.with_ansi(terminal)).try_init(),
    };
    Ok(())
}

/// Starts exporting the traces of `service`, if they are wanted, until what it returns is dropped.
///
/// # Errors
/// If the endpoint can't be used.
pub fn export(
    args: &TelemetryArgs,
    service: &'static str,
    instance: &str,
) -> Result<Option<Exporting>, ConfigError> {
    let endpoint = args.otel_exporter_otlp_endpoint.as_deref();
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) else {
        return Ok(None);
    };
    let exporting = Exporting::start(service, instance, endpoint).map_err(|error| {
        ConfigError::new(
            chat_core::env::OTEL_EXPORTER_OTLP_ENDPOINT,
            error.to_string(),
        )
    })?;
    Ok(Some(exporting))
}
