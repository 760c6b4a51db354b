//! Where RabbitMQ is and what its exchanges and queues are called.

use std::time::Duration;

use chat_core::{env, names, ports};
use clap::Args;
use lapin::uri::{AMQPAuthority, AMQPScheme, AMQPUri, AMQPUserInfo};
use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, given, name, number, scheme};
use crate::rabbitmq::topology::QueueNames;

/// Most ready jobs of one partition before the broker refuses more.
///
/// Far above what shedding (10,000 in all) and a bench's backlog (100,000) need: it bounds the broker's disk, and a
/// refusal is the last resort.
const MAX_LENGTH: u64 = 1_000_000;

/// How long a publisher waits for the broker's confirm; the promise to clients is an answer within a second.
const CONFIRM_TIMEOUT: Duration = Duration::from_millis(900);

/// Where RabbitMQ is, as it is given: a URL or its parts, and the names of what lies on it.
#[derive(Debug, Clone, Default, Args)]
pub struct RabbitArgs {
    /// RabbitMQ URL, `amqp://user:password@host:port[/vhost]`; `amqp://guest:guest@localhost:5672` by default.
    #[arg(long, env = env::RABBITMQ_URL, hide_env_values = true)]
    pub rabbitmq_url: Option<SecretString>,
    /// Another name for the RabbitMQ URL.
    #[arg(long, env = env::RABBITMQ_URI, hide_env_values = true)]
    pub rabbitmq_uri: Option<SecretString>,
    /// RabbitMQ host, where no URL is given.
    #[arg(long, env = env::RABBITMQ_HOST)]
    pub rabbitmq_host: Option<String>,
    /// RabbitMQ port, 1 to 65535; 5672 by default.
    #[arg(long, env = env::RABBITMQ_PORT)]
    pub rabbitmq_port: Option<String>,
    /// RabbitMQ user; `guest` by default.
    #[arg(long, env = env::RABBITMQ_USERNAME)]
    pub rabbitmq_username: Option<String>,
    /// RabbitMQ password; `guest` by default.
    #[arg(long, env = env::RABBITMQ_PASSWORD, hide_env_values = true)]
    pub rabbitmq_password: Option<SecretString>,
    /// RabbitMQ virtual host; `/` by default.
    #[arg(long, env = env::RABBITMQ_VHOST)]
    pub rabbitmq_vhost: Option<String>,
    /// Exchange of the jobs; `chat.events` by default.
    #[arg(long, env = env::RABBITMQ_CHAT_EXCHANGE)]
    pub rabbitmq_chat_exchange: Option<String>,
    /// Exchange of the dead letters; `chat.dlx` by default.
    #[arg(long, env = env::RABBITMQ_CHAT_DLX_EXCHANGE)]
    pub rabbitmq_chat_dlx_exchange: Option<String>,
    /// Prefix of the high partitions; `chat.events.high` by default.
    #[arg(long, env = env::RABBITMQ_CHAT_QUEUE_PREFIX)]
    pub rabbitmq_chat_queue_prefix: Option<String>,
    /// Dead letter queue; `chat.events.dlq` by default.
    #[arg(long, env = env::RABBITMQ_CHAT_DLQ_NAME)]
    pub rabbitmq_chat_dlq_name: Option<String>,
    /// Partitions of the high and of the medium queue, 1 to 64; 8 by default.
    #[arg(long, env = env::RABBITMQ_CHAT_PARTITION_COUNT)]
    pub rabbitmq_chat_partition_count: Option<String>,
    /// Retries of a failing job before it is dead-lettered, 0 to 10; 3 by default.
    #[arg(long, env = env::RABBITMQ_CHAT_MAX_RETRIES)]
    pub rabbitmq_chat_max_retries: Option<String>,
    /// Jobs handed to one partition's consumer ahead of their acknowledgement, 1 to 10000; 200 by default.
    #[arg(long, env = env::RABBITMQ_CHAT_CONSUMER_PREFETCH)]
    pub rabbitmq_chat_consumer_prefetch: Option<String>,
    /// Most ready jobs of one partition, 1 to 100000000; 1000000 by default.
    #[arg(long, env = env::RABBITMQ_CHAT_MAX_LENGTH)]
    pub rabbitmq_chat_max_length: Option<String>,
}

/// Where RabbitMQ is and how it is used, checked.
#[derive(Clone)]
pub struct RabbitConfig {
    uri: AMQPUri,
    /// Names of the exchanges and queues.
    pub names: QueueNames,
    /// Number of partitions of the high and of the medium queue.
    pub partitions: u16,
    /// Retries of a failing job before it is dead-lettered.
    pub max_retries: u32,
    /// Jobs handed to one consumer ahead of their acknowledgement.
    pub prefetch: u16,
    /// Most ready jobs of one partition.
    pub max_length: u64,
    /// How long a publisher waits for the broker's confirm.
    pub confirm_timeout: Duration,
}

impl RabbitArgs {
    /// Checks the settings; a URL wins over the parts.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that is wrong.
    pub fn resolve(&self) -> Result<RabbitConfig, ConfigError> {
        let url = |url: &Option<SecretString>| {
            url.as_ref()
                .map(|url| SecretString::from(url.expose_secret().trim()))
                .filter(|url| !url.expose_secret().is_empty())
        };
        let uri = if let Some(given) = url(&self.rabbitmq_url) {
            parse_uri(env::RABBITMQ_URL, &given)?
        } else if let Some(given) = url(&self.rabbitmq_uri) {
            parse_uri(env::RABBITMQ_URI, &given)?
        } else {
            self.uri_of_parts()?
        };
        let config = RabbitConfig::with_uri(uri);
        Ok(RabbitConfig {
            names: QueueNames {
                exchange: name(
                    env::RABBITMQ_CHAT_EXCHANGE,
                    self.rabbitmq_chat_exchange.as_ref(),
                    names::EXCHANGE,
                )?,
                dlx: name(
                    env::RABBITMQ_CHAT_DLX_EXCHANGE,
                    self.rabbitmq_chat_dlx_exchange.as_ref(),
                    names::DLX_EXCHANGE,
                )?,
                high: name(
                    env::RABBITMQ_CHAT_QUEUE_PREFIX,
                    self.rabbitmq_chat_queue_prefix.as_ref(),
                    names::HIGH,
                )?,
                dlq: name(
                    env::RABBITMQ_CHAT_DLQ_NAME,
                    self.rabbitmq_chat_dlq_name.as_ref(),
                    names::DLQ,
                )?,
                ..QueueNames::default()
            },
            partitions: number(
                env::RABBITMQ_CHAT_PARTITION_COUNT,
                self.rabbitmq_chat_partition_count.as_ref(),
                config.partitions,
                1..=names::PARTITIONS_MAX,
            )?,
            max_retries: number(
                env::RABBITMQ_CHAT_MAX_RETRIES,
                self.rabbitmq_chat_max_retries.as_ref(),
                config.max_retries,
                0..=10,
            )?,
            prefetch: number(
                env::RABBITMQ_CHAT_CONSUMER_PREFETCH,
                self.rabbitmq_chat_consumer_prefetch.as_ref(),
                config.prefetch,
                1..=10_000,
            )?,
            max_length: number(
                env::RABBITMQ_CHAT_MAX_LENGTH,
                self.rabbitmq_chat_max_length.as_ref(),
                config.max_length,
                1..=100_000_000,
            )?,
            ..config
        })
    }

    fn uri_of_parts(&self) -> Result<AMQPUri, ConfigError> {
        let password = self
            .rabbitmq_password
            .as_ref()
            .map(ExposeSecret::expose_secret)
            .filter(|password| !password.is_empty());
        Ok(AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: given(self.rabbitmq_username.as_ref())
                        .unwrap_or("guest")
                        .to_owned(),
                    password: password.unwrap_or("guest").to_owned(),
                },
                host: given(self.rabbitmq_host.as_ref())
                    .unwrap_or("localhost")
                    .to_owned(),
                port: number(
                    env::RABBITMQ_PORT,
                    self.rabbitmq_port.as_ref(),
                    ports::AMQP,
                    1..=u16::MAX,
                )?,
            },
            vhost: given(self.rabbitmq_vhost.as_ref())
                .unwrap_or("/")
                .to_owned(),
            query: lapin::uri::AMQPQueryString::default(),
        })
    }
}

fn parse_uri(variable: &'static str, url: &SecretString) -> Result<AMQPUri, ConfigError> {
    let text = url.expose_secret();
    scheme(variable, text, &["amqp"])?;
    // The driver would silently take localhost for a literal IPv6 address.
    if text.contains("@[") || text.contains("://[") {
        return Err(ConfigError::new(
            variable,
            "has a literal IPv6 address; write a host name",
        ));
    }
    let mut uri: AMQPUri = text.parse().map_err(|_| {
        // The driver's message may quote the URL, and with it the password.
        ConfigError::new(
            variable,
            "can't be read; write amqp://user:password@host:port/vhost with special characters percent-encoded (the vhost / is %2f)",
        )
    })?;
    if uri.vhost.is_empty() {
        // `amqp://host/` means the default virtual host to everyone but the driver.
        "/".clone_into(&mut uri.vhost);
    }
    Ok(uri)
}

impl RabbitConfig {
    /// Checks a URL, as tests and tools have it; everything else gets its default.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not an AMQP URL.
    pub fn from_url(url: impl Into<SecretString>) -> Result<Self, ConfigError> {
        parse_uri(env::RABBITMQ_URL, &url.into()).map(Self::with_uri)
    }

    fn with_uri(uri: AMQPUri) -> Self {
        Self {
            uri,
            names: QueueNames::default(),
            partitions: names::PARTITIONS,
            max_retries: 3,
            prefetch: 200,
            max_length: MAX_LENGTH,
            confirm_timeout: CONFIRM_TIMEOUT,
        }
    }

    /// The address and the login, for the driver.
    pub(crate) fn uri(&self) -> &AMQPUri {
        &self.uri
    }
}

impl std::fmt::Debug for RabbitConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitConfig")
            .field("host", &self.uri.authority.host)
            .field("port", &self.uri.authority.port)
            .field("vhost", &self.uri.vhost)
            .field("names", &self.names)
            .field("partitions", &self.partitions)
            .field("max_retries", &self.max_retries)
            .field("prefetch", &self.prefetch)
            .field("max_length", &self.max_length)
            .field("confirm_timeout", &self.confirm_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_setting_the_broker_is_on_this_machine() {
        let config = RabbitArgs::default().resolve().unwrap();
        assert_eq!(
            config.uri.to_string(),
            "amqp://guest:guest@localhost:5672/%2F"
        );
        assert_eq!(config.partitions, 8);
        assert_eq!(
            config.names.partition(names::Queue::High, 3),
            "chat.events.high.3"
        );
    }

    #[test]
    fn the_names_of_an_older_deployment_carry_over() {
        let config = RabbitArgs {
            rabbitmq_uri: Some(SecretString::from("amqp://u:p@mq")),
            rabbitmq_chat_queue_prefix: Some("chat.message.send".into()),
            rabbitmq_chat_dlq_name: Some("chat.message.send.dlq".into()),
            ..RabbitArgs::default()
        }
        .resolve()
        .unwrap();
        assert_eq!(config.uri.authority.host, "mq");
        assert_eq!(config.uri.vhost, "/");
        assert_eq!(
            config.names.partition(names::Queue::High, 0),
            "chat.message.send.0"
        );
        assert_eq!(config.names.dlq, "chat.message.send.dlq");
    }

    #[test]
    fn wrong_urls_are_named_by_the_variable_that_held_them_without_the_password() {
        for (url, problem) in [
            ("http://u:s3cret@h", "has the scheme \"http\""),
            ("amqps://u:s3cret@h", "asks for TLS"),
            ("h:5672", "is not a URL"),
            ("amqp://u:s3cret@h:70000", "can't be read"),
            ("amqp://u:s3cret@[::1]:5672", "has a literal IPv6 address"),
        ] {
            for (variable, args) in [
                (
                    "RABBITMQ_URL",
                    RabbitArgs {
                        rabbitmq_url: Some(SecretString::from(url)),
                        ..RabbitArgs::default()
                    },
                ),
                (
                    "RABBITMQ_URI",
                    RabbitArgs {
                        rabbitmq_uri: Some(SecretString::from(url)),
                        ..RabbitArgs::default()
                    },
                ),
            ] {
                let error = args.resolve().unwrap_err().to_string();
                assert!(
                    error.starts_with(&format!("{variable} {problem}")),
                    "{url}: {error}"
                );
                assert!(!error.contains("s3cret"), "{url}: {error}");
            }
        }
    }

    #[test]
    fn every_number_has_bounds_and_every_name_is_checked() {
        let args = RabbitArgs::default;
        for (args, expected) in [
            (
                RabbitArgs {
                    rabbitmq_port: Some("amqp".into()),
                    ..args()
                },
                "RABBITMQ_PORT is \"amqp\"; it must be a number from 1 to 65535",
            ),
            (
                RabbitArgs {
                    rabbitmq_chat_partition_count: Some("0".into()),
                    ..args()
                },
                "RABBITMQ_CHAT_PARTITION_COUNT is \"0\"; it must be a number from 1 to 64",
            ),
            (
                RabbitArgs {
                    rabbitmq_chat_max_retries: Some("-3".into()),
                    ..args()
                },
                "RABBITMQ_CHAT_MAX_RETRIES is \"-3\"; it must be a number from 0 to 10",
            ),
            (
                RabbitArgs {
                    rabbitmq_chat_consumer_prefetch: Some("1e9".into()),
                    ..args()
                },
                "RABBITMQ_CHAT_CONSUMER_PREFETCH is \"1e9\"; it must be a number from 1 to 10000",
            ),
            (
                RabbitArgs {
                    rabbitmq_chat_max_length: Some("0".into()),
                    ..args()
                },
                "RABBITMQ_CHAT_MAX_LENGTH is \"0\"; it must be a number from 1 to 100000000",
            ),
            (
                RabbitArgs {
                    rabbitmq_chat_exchange: Some("chat events".into()),
                    ..args()
                },
                "RABBITMQ_CHAT_EXCHANGE must be a name of at most 200 bytes without blanks",
            ),
        ] {
            assert_eq!(args.resolve().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn debug_shows_where_the_broker_is_but_not_the_login() {
        let shown = format!(
            "{:?}",
            RabbitConfig::from_url("amqp://u:s3cret@mq/v").unwrap()
        );
        assert!(shown.contains("mq") && !shown.contains("s3cret"), "{shown}");
    }
}
