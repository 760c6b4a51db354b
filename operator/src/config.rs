//! The operator's command line: environment first, each setting documented, checked before any connection is made.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand};

use crate::children::Scope;
use crate::resolve::DefaultImages;

/// Runs ChatClusters on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "chat-operator", version, about, long_about = None)]
pub struct Cli {
    /// What to do; without one, `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of `run`.
    #[command(flatten)]
    pub run: RunConfig,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator (the default).
    Run,
    /// Print the CustomResourceDefinition as YAML.
    Crd,
    /// Check a ChatCluster manifest against the CRD's schema rules, without a cluster. Reads a file, or standard input for `-`.
    Validate {
        /// The manifest.
        #[arg(default_value = "-")]
        file: String,
    },
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Settings of a running operator.
#[derive(Debug, Clone, Args)]
pub struct RunConfig {
    /// Namespaces to watch, a comma list; empty for all.
    #[arg(
        long,
        env = "WATCH_NAMESPACES",
        default_value = "",
        hide_default_value = true
    )]
    pub watch_namespaces: String,
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, env = "HEALTH_ADDRESS", default_value = "0.0.0.0:8081")]
    pub health_address: SocketAddr,
    /// Address of the external metrics API.
    #[arg(long, env = "METRICS_API_ADDRESS", default_value = "0.0.0.0:8443")]
    pub metrics_api_address: SocketAddr,
    /// Whether to serve the external metrics API, which autoscaling reads.
    #[arg(long, env = "METRICS_API", default_value_t = true, action = clap::ArgAction::Set)]
    pub metrics_api: bool,
    /// ClusterRole that comes and goes with the operator, and with which the API's registration goes.
    #[arg(long, env = "METRICS_API_OWNER")]
    pub metrics_api_owner: Option<String>,
    /// Name of the operator's Service.
    #[arg(long, env = "OPERATOR_SERVICE", default_value = "chatcluster-operator")]
    pub service: String,
    /// ChatClusters reconciled at the same time.
    #[arg(long, env = "RECONCILE_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// Namespace of the leader election's Lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// Name of this process among the candidates; by default the host's name.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
    /// Name of the leader election's Lease.
    #[arg(long, env = "LEASE_NAME", default_value = "chatcluster-operator")]
    pub lease_name: String,
    /// How long a leader that has gone silent keeps the Lease, in seconds.
    #[arg(long, env = "LEASE_DURATION_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u16).range(3..=300))]
    pub lease_duration_seconds: u16,
    /// Image of the gateway.
    #[arg(long, env = "RELATED_IMAGE_GATEWAY")]
    pub gateway_image: Option<String>,
    /// Image of the EventProcessor.
    #[arg(long, env = "RELATED_IMAGE_PROCESSOR")]
    pub processor_image: Option<String>,
    /// Image of PostgreSQL 17.
    #[arg(long, env = "RELATED_IMAGE_POSTGRES")]
    pub postgres_image: Option<String>,
    /// Image of RabbitMQ 4.
    #[arg(long, env = "RELATED_IMAGE_RABBITMQ")]
    pub rabbitmq_image: Option<String>,
    /// Image of Valkey 8 or Redis 7.
    #[arg(long, env = "RELATED_IMAGE_REDIS")]
    pub redis_image: Option<String>,
    /// Log filter, in `tracing`'s syntax.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
    /// `json` or `text`; by default text on a terminal.
    #[arg(long, env = "LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl RunConfig {
    /// Where to look for ChatClusters.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        let namespaces: Vec<_> = self
            .watch_namespaces
            .split(',')
            .map(str::trim)
            .filter(|namespace| !namespace.is_empty())
            .map(|namespace| Scope::Namespace(namespace.to_owned()))
            .collect();
        if namespaces.is_empty() {
            vec![Scope::All]
        } else {
            namespaces
        }
    }

    /// The images that a ChatCluster gets unless its spec names others.
    #[must_use]
    pub fn images(&self) -> DefaultImages {
        let defaults = DefaultImages::default();
        let choose = |chosen: &Option<String>, default: String| match chosen {
            Some(image) if !image.is_empty() => image.clone(),
            _ => default,
        };
        DefaultImages {
            gateway: choose(&self.gateway_image, defaults.gateway),
            processor: choose(&self.processor_image, defaults.processor),
            postgres: choose(&self.postgres_image, defaults.postgres),
            rabbitmq: choose(&self.rabbitmq_image, defaults.rabbitmq),
            redis: choose(&self.redis_image, defaults.redis),
        }
    }

    /// Address of the operator's Service.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "http://{}.{}.svc:{}",
            self.service,
            self.namespace,
            self.health_address.port()
        )
    }

    /// Name of this process among the candidates.
    #[must_use]
    pub fn identity(&self) -> String {
        self.identity
            .clone()
            .filter(|identity| !identity.is_empty())
            .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
            .map_or_else(|| "chat-operator".to_owned(), |name| name.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_namespace_means_all_and_blanks_are_ignored() {
        let scopes = |list: &str| {
            Cli::try_parse_from(["chat-operator", "--watch-namespaces", list])
                .unwrap()
                .run
                .scopes()
        };
        assert_eq!(scopes(""), [Scope::All]);
        assert_eq!(
            scopes(" a, b,"),
            [
                Scope::Namespace("a".to_owned()),
                Scope::Namespace("b".to_owned())
            ]
        );
    }

    #[test]
    fn unbounded_concurrency_is_refused() {
        assert!(Cli::try_parse_from(["chat-operator", "--concurrency", "0"]).is_err());
    }
}
