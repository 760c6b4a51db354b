//! The gateway's settings: environment first, checked as a whole before any connection is made.
//!
//! A variable that is missing or wrong ends the start with one line that names it and the remedy.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chat_backends::config::{
    ConfigError, JobKeyArgs, ObjectArgs, ObjectConfig, PostgresArgs, PostgresConfig, RabbitArgs,
    RabbitConfig, RedisArgs, RedisConfig,
};
use chat_core::signing::KeyRing;
use chat_core::{duration, env, limits, ports};
use chat_processor::context::Policy;
use chat_processor::push::vapid::{Vapid, VapidArgs};
use clap::Args;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::http::client_ip::TrustedProxies;
use crate::turn::TurnConfig;
use crate::uploads::AllowedTypes;

/// Shortest secret that signs access tokens, in bytes.
const MIN_JWT_SECRET_BYTES: usize = 16;

/// What may be uploaded unless the settings say otherwise: nothing that a browser would run.
const ALLOWED_TYPES: &str = "image/png,image/jpeg,image/gif,image/webp,image/avif,image/heif,image/heic,image/bmp,\
video/*,audio/*,application/pdf,application/zip,application/json,text/plain,text/csv,text/markdown,\
application/msword,application/vnd.ms-excel,application/vnd.ms-powerpoint,\
application/vnd.openxmlformats-officedocument.wordprocessingml.document,\
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet,\
application/vnd.openxmlformats-officedocument.presentationml.presentation,\
application/vnd.oasis.opendocument.text,application/vnd.oasis.opendocument.spreadsheet,\
application/vnd.oasis.opendocument.presentation";

/// The settings as they are given.
#[derive(Debug, Clone, Default, Args)]
pub struct GatewayArgs {
    #[command(flatten)]
    postgres: PostgresArgs,
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    rabbitmq: RabbitArgs,
    #[command(flatten)]
    job_keys: JobKeyArgs,
    #[command(flatten)]
    vapid: VapidArgs,
    #[command(flatten)]
    objects: ObjectArgs,
    /// Port of the HTTP listener, 0 to 65535; 8080 by default.
    #[arg(long, env = env::PORT)]
    port: Option<String>,
    /// Secret that signs access tokens (HS256), at least 16 bytes. Required.
    #[arg(long, env = env::JWT_ACCESS_TOKEN, hide_env_values = true)]
    jwt_access_token: Option<SecretString>,
    /// Another name for the token secret.
    #[arg(long, env = env::JWT_SECRET, hide_env_values = true)]
    jwt_secret: Option<SecretString>,
    /// Lifetime of access tokens, for example 15m or 7d; 7d by default.
    #[arg(long, env = env::JWT_ACCESS_EXPIRED)]
    jwt_access_expired: Option<String>,
    /// Lifetime of refresh tokens; 30d by default.
    #[arg(long, env = env::JWT_REFRESH_EXPIRED)]
    jwt_refresh_expired: Option<String>,
    /// Origins that browsers may call from, a comma list; `*` by default.
    #[arg(long, env = env::CORS_ORIGIN)]
    cors_origin: Option<String>,
    /// Networks whose `X-Forwarded-For` is believed, a comma list of addresses or CIDR blocks; none by default.
    #[arg(long, env = env::TRUSTED_PROXIES)]
    trusted_proxies: Option<String>,
    /// Longest content in Unicode scalar values, 1 to 1000000; 100000 by default.
    #[arg(long, env = env::CHAT_MAX_CONTENT)]
    chat_max_content: Option<String>,
    /// How long after sending a message may be edited; for good by default.
    #[arg(long, env = env::CHAT_EDIT_WINDOW)]
    chat_edit_window: Option<String>,
    /// Burst of a user's message bucket, in messages; 300 by default.
    #[arg(long, env = env::RATE_LIMIT_MESSAGE_BURST)]
    rate_limit_message_burst: Option<String>,
    /// Refill of a user's message bucket, in messages per second; 50 by default.
    #[arg(long, env = env::RATE_LIMIT_MESSAGE_RATE)]
    rate_limit_message_rate: Option<String>,
    /// Ready jobs of the high queue above which typing and presence are shed; 10000 by default.
    #[arg(long, env = env::CHAT_SHED_HIGH)]
    chat_shed_high: Option<String>,
    /// Ready jobs of the high queue below which typing and presence are taken again; 5000 by default.
    #[arg(long, env = env::CHAT_SHED_LOW)]
    chat_shed_low: Option<String>,
    /// What happens to a job while the broker is away: Direct (done here) or Reject; Direct by default.
    #[arg(long, env = env::CHAT_ON_BROKER_OUTAGE)]
    chat_on_broker_outage: Option<String>,
    /// How long the gateway drains after SIGTERM; 20s by default.
    #[arg(long, env = env::CHAT_DRAIN_WINDOW)]
    chat_drain_window: Option<String>,
    /// Directory of the chat page's files; ./web/app/dist by default.
    #[arg(long, env = env::CHAT_WEB_ROOT)]
    chat_web_root: Option<PathBuf>,
    /// Largest upload in bytes, 1 to 5368709120; 10485760 by default.
    #[arg(long, env = env::MAX_FILE_SIZE)]
    max_file_size: Option<String>,
    /// Media types that may be uploaded, a comma list that may hold entries like image/*; pictures, video, audio, PDF,
    /// ZIP, office documents and plain text by default.
    #[arg(long, env = env::ALLOWED_MIME)]
    allowed_mime: Option<String>,
    /// `production` hides the API documents.
    #[arg(long, env = env::NODE_ENV)]
    node_env: Option<String>,
    /// Another name for it.
    #[arg(long, env = env::APP_ENV)]
    app_env: Option<String>,
    /// `true` lets only admins read the monitoring routes; `false` by default.
    #[arg(long, env = env::CHAT_PERF_ADMIN_ONLY)]
    chat_perf_admin_only: Option<String>,
    /// Email of the first admin, made at the start if no account has it.
    #[arg(long, env = env::ADMIN_EMAIL)]
    admin_email: Option<String>,
    /// Password of the first admin.
    #[arg(long, env = env::ADMIN_PASSWORD, hide_env_values = true)]
    admin_password: Option<SecretString>,
    /// TURN and STUN servers, a comma list of URLs; none by default.
    #[arg(long, env = env::TURN_URLS)]
    turn_urls: Option<String>,
    /// Secret that TURN credentials are derived from.
    #[arg(long, env = env::TURN_SECRET, hide_env_values = true)]
    turn_secret: Option<SecretString>,
    /// What the name of this gateway in Redis and in jobs begins with; the host's name by default.
    #[arg(long, env = env::POD_NAME)]
    pod_name: Option<String>,
}

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port of the HTTP listener.
    pub port: u16,
    /// Where Postgres is.
    pub postgres: PostgresConfig,
    /// Where Redis is.
    pub redis: RedisConfig,
    /// Where RabbitMQ is.
    pub rabbitmq: RabbitConfig,
    /// Keys of the job signatures.
    pub job_keys: KeyRing,
    /// The key of Web Push; without it no browser can subscribe.
    pub vapid: Option<Vapid>,
    /// Access and refresh tokens.
    pub tokens: TokenConfig,
    /// Origins that browsers may call from.
    pub cors: CorsOrigins,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Bounds of the acts.
    pub policy: Policy,
    /// When typing and presence are shed.
    pub shedding: SheddingConfig,
    /// What happens to a job while the broker is away.
    pub on_broker_outage: OnBrokerOutage,
    /// How long the gateway drains.
    pub drain_window: Duration,
    /// Where uploaded files lie.
    pub objects: ObjectConfig,
    /// What may be uploaded.
    pub uploads: UploadConfig,
    /// Whether the API documents are shown.
    pub shows_api_docs: bool,
    /// Whether only admins read the monitoring routes.
    pub monitoring_for_admins_only: bool,
    /// Directory of the chat page's files.
    pub web_root: PathBuf,
    /// The first admin, if one is to be made.
    pub admin: Option<AdminConfig>,
    /// TURN and STUN servers.
    pub turn: TurnConfig,
    /// Name of this gateway, another one at each start: what Redis keeps of sockets under an older one is of the dead.
    pub gateway_id: Arc<str>,
}

/// Access and refresh tokens.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// Secret that signs access tokens.
    pub secret: SecretString,
    /// Lifetime of access tokens.
    pub access_lifetime: Duration,
    /// Lifetime of refresh tokens.
    pub refresh_lifetime: Duration,
}

/// What may be uploaded.
#[derive(Debug, Clone)]
pub struct UploadConfig {
    /// Largest file in bytes.
    pub max_file_bytes: u64,
    /// Types of the files.
    pub allowed: AllowedTypes,
}

/// When typing and presence are shed, in ready jobs of the high queue.
#[derive(Debug, Clone, Copy)]
pub struct SheddingConfig {
    /// Above this they are dropped.
    pub high: u64,
    /// Below this they are taken again.
    pub low: u64,
}

/// What happens to a job while the broker is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBrokerOutage {
    /// The gateway does it itself.
    Direct,
    /// The client is told to try again.
    Reject,
}

/// Origins that browsers may call from.
#[derive(Debug, Clone)]
pub enum CorsOrigins {
    /// Any, without credentials.
    Any,
    /// These, with credentials.
    Listed(Vec<HeaderValue>),
}

/// The first admin.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    /// Email of the account.
    pub email: String,
    /// Its password, until the admin changes it.
    pub password: SecretString,
}

impl GatewayArgs {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] names the first variable that is missing or wrong, and the remedy.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        Ok(Config {
            port: number(
                env::PORT,
                self.port.as_deref(),
                ports::GATEWAY,
                0..=u16::MAX,
            )?,
            postgres: self.postgres.resolve()?,
            redis: self.redis.resolve()?,
            rabbitmq: self.rabbitmq.resolve()?,
            job_keys: self.job_keys.resolve()?,
            vapid: self.vapid.resolve()?,
            tokens: self.tokens()?,
            cors: cors(self.cors_origin.as_deref())?,
            trusted_proxies: self.trusted_proxies()?,
            policy: self.policy()?,
            shedding: self.shedding()?,
            on_broker_outage: self.on_broker_outage()?,
            drain_window: span(
                env::CHAT_DRAIN_WINDOW,
                self.chat_drain_window.as_deref(),
                "20s",
            )?,
            objects: self.objects.resolve()?,
            uploads: self.uploads()?,
            shows_api_docs: !self.is_production(),
            monitoring_for_admins_only: flag(
                env::CHAT_PERF_ADMIN_ONLY,
                self.chat_perf_admin_only.as_deref(),
            )?,
            web_root: self
                .chat_web_root
                .clone()
                .unwrap_or_else(|| PathBuf::from("./web/app/dist")),
            admin: self.admin()?,
            turn: self.turn()?,
            gateway_id: self.gateway_id(),
        })
    }

    fn tokens(&self) -> Result<TokenConfig, ConfigError> {
        let secret = [
            (env::JWT_ACCESS_TOKEN, &self.jwt_access_token),
            (env::JWT_SECRET, &self.jwt_secret),
        ]
        .into_iter()
        .find_map(|(variable, secret)| {
            let secret = secret.as_ref()?;
            (!secret.expose_secret().trim().is_empty()).then_some((variable, secret))
        });
        let Some((variable, secret)) = secret else {
            return Err(ConfigError::new(
                env::JWT_ACCESS_TOKEN,
                format!(
                    "is not set; set it to a random secret of at least {MIN_JWT_SECRET_BYTES} bytes, the same for every gateway"
                ),
            ));
        };
        if secret.expose_secret().len() < MIN_JWT_SECRET_BYTES {
            return Err(ConfigError::new(
                variable,
                format!("is shorter than {MIN_JWT_SECRET_BYTES} bytes; use a longer random secret"),
            ));
        }
        Ok(TokenConfig {
            secret: secret.clone(),
            access_lifetime: span(
                env::JWT_ACCESS_EXPIRED,
                self.jwt_access_expired.as_deref(),
                "7d",
            )?,
            refresh_lifetime: span(
                env::JWT_REFRESH_EXPIRED,
                self.jwt_refresh_expired.as_deref(),
                "30d",
            )?,
        })
    }

    fn trusted_proxies(&self) -> Result<TrustedProxies, ConfigError> {
        given(self.trusted_proxies.as_deref())
            .unwrap_or_default()
            .parse()
            .map_err(|error: crate::http::client_ip::MalformedNetwork| {
                ConfigError::new(env::TRUSTED_PROXIES, error.to_string())
            })
    }

    fn policy(&self) -> Result<Policy, ConfigError> {
        let default = Policy::default();
        let edit_window = given(self.chat_edit_window.as_deref())
            .map(|text| span(env::CHAT_EDIT_WINDOW, Some(text), ""))
            .transpose()?;
        Ok(Policy {
            max_content_chars: number(
                env::CHAT_MAX_CONTENT,
                self.chat_max_content.as_deref(),
                limits::CONTENT_CHARS,
                1..=1_000_000,
            )?,
            edit_window,
            message_burst: number(
                env::RATE_LIMIT_MESSAGE_BURST,
                self.rate_limit_message_burst.as_deref(),
                default.message_burst,
                1..=1_000_000,
            )?,
            message_rate: number(
                env::RATE_LIMIT_MESSAGE_RATE,
                self.rate_limit_message_rate.as_deref(),
                default.message_rate,
                0.001..=1_000_000.0,
            )?,
        })
    }

    fn shedding(&self) -> Result<SheddingConfig, ConfigError> {
        let high = number(
            env::CHAT_SHED_HIGH,
            self.chat_shed_high.as_deref(),
            10_000,
            1..=u64::MAX,
        )?;
        let low = number(
            env::CHAT_SHED_LOW,
            self.chat_shed_low.as_deref(),
            high.div_ceil(2),
            0..=u64::MAX,
        )?;
        if low >= high {
            return Err(ConfigError::new(
                env::CHAT_SHED_LOW,
                format!(
                    "is {low}; it must be below {} ({high})",
                    env::CHAT_SHED_HIGH
                ),
            ));
        }
        Ok(SheddingConfig { high, low })
    }

    fn uploads(&self) -> Result<UploadConfig, ConfigError> {
        let types = given(self.allowed_mime.as_deref()).unwrap_or(ALLOWED_TYPES);
        let allowed = AllowedTypes::parse(types).ok_or_else(|| {
            let problem = format!("is {types:?}; write media types like image/*,application/pdf");
            ConfigError::new(env::ALLOWED_MIME, problem)
        })?;
        Ok(UploadConfig {
            max_file_bytes: number(
                env::MAX_FILE_SIZE,
                self.max_file_size.as_deref(),
                limits::FILE_BYTES,
                1..=limits::FILE_BYTES_MAX,
            )?,
            allowed,
        })
    }

    fn is_production(&self) -> bool {
        [&self.node_env, &self.app_env]
            .into_iter()
            .any(|variable| given(variable.as_deref()) == Some("production"))
    }

    fn on_broker_outage(&self) -> Result<OnBrokerOutage, ConfigError> {
        match given(self.chat_on_broker_outage.as_deref()) {
            None | Some("Direct") => Ok(OnBrokerOutage::Direct),
            Some("Reject") => Ok(OnBrokerOutage::Reject),
            Some(other) => Err(ConfigError::new(
                env::CHAT_ON_BROKER_OUTAGE,
                format!("is {other:?}; it must be Direct or Reject"),
            )),
        }
    }

    fn admin(&self) -> Result<Option<AdminConfig>, ConfigError> {
        let password = self
            .admin_password
            .as_ref()
            .filter(|password| !password.expose_secret().is_empty());
        match (given(self.admin_email.as_deref()), password) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(ConfigError::new(
                env::ADMIN_PASSWORD,
                format!(
                    "is not set although {} is; set both or none",
                    env::ADMIN_EMAIL
                ),
            )),
            (None, Some(_)) => Err(ConfigError::new(
                env::ADMIN_EMAIL,
                format!(
                    "is not set although {} is; set both or none",
                    env::ADMIN_PASSWORD
                ),
            )),
            (Some(email), Some(password)) => {
                if !crate::auth::registration::is_email(email) {
                    return Err(ConfigError::new(
                        env::ADMIN_EMAIL,
                        "is not an email address",
                    ));
                }
                let chars = password.expose_secret().chars().count();
                if !limits::PASSWORD_CHARS.contains(&chars) {
                    return Err(ConfigError::new(
                        env::ADMIN_PASSWORD,
                        format!(
                            "has {chars} characters; it must have {} to {}",
                            limits::PASSWORD_CHARS.start(),
                            limits::PASSWORD_CHARS.end()
                        ),
                    ));
                }
                Ok(Some(AdminConfig {
                    email: email.to_owned(),
                    password: password.clone(),
                }))
            }
        }
    }

    fn turn(&self) -> Result<TurnConfig, ConfigError> {
        let urls: Vec<String> = given(self.turn_urls.as_deref())
            .unwrap_or_default()
            .split(',')
            .map(|url| url.trim().to_owned())
            .filter(|url| !url.is_empty())
            .collect();
        let known = ["turn:", "turns:", "stun:", "stuns:"];
        if let Some(url) = urls
            .iter()
            .find(|url| !known.iter().any(|scheme| url.starts_with(scheme)))
        {
            let problem = format!(
                "holds {url:?}; write URLs like turn:relay.example.org:3478, separated by commas"
            );
            return Err(ConfigError::new(env::TURN_URLS, problem));
        }
        Ok(TurnConfig {
            urls,
            secret: self
                .turn_secret
                .clone()
                .filter(|secret| !secret.expose_secret().is_empty()),
        })
    }

    fn gateway_id(&self) -> Arc<str> {
        let name = given(self.pod_name.as_deref())
            .map(ToOwned::to_owned)
            .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
            .unwrap_or_default();
        let name: String = name
            .trim()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c))
            .take(200)
            .collect();
        let name = if name.is_empty() { "gateway" } else { &name };
        let start = uuid::Uuid::new_v4().simple().to_string();
        format!("{name}-{}", &start[..8]).into()
    }
}

/// The value unless it is unset or blank: an empty variable is how a deployment says "not set".
fn given(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|text| !text.is_empty())
}

/// A switch; off by default.
fn flag(variable: &'static str, value: Option<&str>) -> Result<bool, ConfigError> {
    match given(value) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(ConfigError::new(
            variable,
            format!("is {other:?}; write true or false"),
        )),
    }
}

fn number<T>(
    variable: &'static str,
    value: Option<&str>,
    default: T,
    bounds: std::ops::RangeInclusive<T>,
) -> Result<T, ConfigError>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = given(value) else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| {
            let problem = format!(
                "is {text:?}; it must be a number from {} to {}",
                bounds.start(),
                bounds.end()
            );
            ConfigError::new(variable, problem)
        })
}

fn span(
    variable: &'static str,
    value: Option<&str>,
    default: &str,
) -> Result<Duration, ConfigError> {
    duration::parse(given(value).unwrap_or(default))
        .map_err(|error| ConfigError::new(variable, error.to_string()))
}

fn cors(value: Option<&str>) -> Result<CorsOrigins, ConfigError> {
    let origins: Vec<&str> = given(value)
        .unwrap_or("*")
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .collect();
    if origins.contains(&"*") {
        return Ok(CorsOrigins::Any);
    }
    origins
        .into_iter()
        .map(|origin| {
            let malformed = || {
                ConfigError::new(
                    env::CORS_ORIGIN,
                    format!("holds {origin:?}; write * or origins like https://chat.example.org, separated by commas"),
                )
            };
            if !origin.contains("://") || origin.ends_with('/') {
                return Err(malformed());
            }
            HeaderValue::from_str(origin).map_err(|_| malformed())
        })
        .collect::<Result<_, _>>()
        .map(CorsOrigins::Listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> GatewayArgs {
        GatewayArgs {
            postgres: PostgresArgs {
                database_url: Some("postgres://u:p@localhost/db".into()),
                ..PostgresArgs::default()
            },
            job_keys: JobKeyArgs {
                chat_job_hmac_keys: Some("k1:0123456789abcdef".into()),
            },
            jwt_access_token: Some("0123456789abcdef0123".into()),
            ..GatewayArgs::default()
        }
    }

    fn problem(args: &GatewayArgs) -> String {
        args.resolve().unwrap_err().to_string()
    }

    #[test]
    fn three_variables_are_required_and_everything_else_has_a_default() {
        let config = complete().resolve().unwrap();
        assert_eq!(config.port, 8080);
        assert_eq!(config.drain_window, Duration::from_secs(20));
        assert_eq!((config.shedding.high, config.shedding.low), (10_000, 5_000));
        assert!(matches!(config.cors, CorsOrigins::Any));
        let without_token = GatewayArgs {
            jwt_access_token: None,
            ..complete()
        };
        assert!(problem(&without_token).starts_with("JWT_ACCESS_TOKEN is not set; set it to"));
    }

    #[test]
    fn the_alias_of_the_token_secret_counts_when_the_first_is_unset() {
        let args = GatewayArgs {
            jwt_access_token: Some(" ".into()),
            jwt_secret: Some("another-secret-of-20".into()),
            ..complete()
        };
        assert_eq!(
            args.resolve().unwrap().tokens.secret.expose_secret(),
            "another-secret-of-20"
        );
    }

    #[test]
    fn a_wrong_value_is_one_line_that_names_variable_and_remedy() {
        let cases = [
            (
                GatewayArgs {
                    port: Some("80a".into()),
                    ..complete()
                },
                "PORT is \"80a\"; it must be a number from 0 to 65535",
            ),
            (
                GatewayArgs {
                    jwt_access_expired: Some("soon".into()),
                    ..complete()
                },
                "JWT_ACCESS_EXPIRED \"soon\" is not a duration; write for example 15m, 12h, 7d, or a number of seconds",
            ),
            (
                GatewayArgs {
                    chat_on_broker_outage: Some("panic".into()),
                    ..complete()
                },
                "CHAT_ON_BROKER_OUTAGE is \"panic\"; it must be Direct or Reject",
            ),
            (
                GatewayArgs {
                    chat_shed_low: Some("20000".into()),
                    ..complete()
                },
                "CHAT_SHED_LOW is 20000; it must be below CHAT_SHED_HIGH (10000)",
            ),
            (
                GatewayArgs {
                    admin_email: Some("a@b.c".into()),
                    ..complete()
                },
                "ADMIN_PASSWORD is not set although ADMIN_EMAIL is; set both or none",
            ),
        ];
        for (args, expected) in cases {
            assert_eq!(problem(&args), expected);
        }
        let short = GatewayArgs {
            jwt_access_token: Some("hunter2".into()),
            ..complete()
        };
        assert!(problem(&short).starts_with("JWT_ACCESS_TOKEN is shorter than 16 bytes"));
        assert!(!problem(&short).contains("hunter2"));
        let origin = GatewayArgs {
            cors_origin: Some("example.org".into()),
            ..complete()
        };
        assert!(problem(&origin).starts_with("CORS_ORIGIN holds \"example.org\"; write * or"));
    }

    #[test]
    fn no_secret_is_shown_in_debug_output() {
        let shown = format!("{:?}", complete().resolve().unwrap());
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
    }

    #[test]
    fn a_gateway_has_another_name_at_each_start() {
        let args = GatewayArgs {
            pod_name: Some("gateway-0".to_owned()),
            ..GatewayArgs::default()
        };
        let (one, other) = (args.gateway_id(), args.gateway_id());
        assert!(one.starts_with("gateway-0-"), "{one}");
        assert_ne!(one, other);
    }
}
