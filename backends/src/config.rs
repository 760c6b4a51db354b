//! The settings of the backends, as both binaries take them: environment first, flags for a hand at the shell.
//!
//! Everything here is checked before any connection is made, and a wrong value is reported as one line that names
//! its variable, what is wrong with it and what to write instead. No error and no `Debug` shows a secret.

mod job_keys;
mod objects;
mod postgres;
mod rabbitmq;
mod redis;

use std::fmt::Display;
use std::str::FromStr;

pub use self::job_keys::JobKeyArgs;
pub use self::objects::{ObjectArgs, ObjectConfig, S3Config};
pub use self::postgres::{PostgresArgs, PostgresConfig};
pub use self::rabbitmq::{RabbitArgs, RabbitConfig};
pub use self::redis::{RedisArgs, RedisConfig};

/// A variable that is missing or can't be used; shown as one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct ConfigError {
    /// Name of the environment variable.
    pub variable: &'static str,
    /// What is wrong and what to do about it, without any secret.
    pub problem: String,
}

impl ConfigError {
    /// An error about `variable`.
    pub fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self {
            variable,
            problem: problem.into(),
        }
    }
}

/// The value unless it is unset or blank: an empty variable is how a deployment says "not set".
fn given(value: Option<&String>) -> Option<&str> {
    value
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
}

/// Parses a number within bounds, or says which numbers are taken.
fn number<T>(
    variable: &'static str,
    value: Option<&String>,
    default: T,
    bounds: std::ops::RangeInclusive<T>,
) -> Result<T, ConfigError>
where
    T: FromStr + PartialOrd + Display,
{
    let Some(text) = given(value) else {
        return Ok(default);
    };
    text.parse::<T>()
        .ok()
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| {
            ConfigError::new(
                variable,
                format!(
                    "is {text:?}; it must be a number from {} to {}",
                    bounds.start(),
                    bounds.end()
                ),
            )
        })
}

/// Takes a name of an exchange, a queue or a channel.
fn name(
    variable: &'static str,
    value: Option<&String>,
    default: &str,
) -> Result<String, ConfigError> {
    let text = given(value).unwrap_or(default);
    // AMQP's short strings end at 255 bytes; the rest is left for the partition's number.
    if text.len() > 200 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ConfigError::new(
            variable,
            "must be a name of at most 200 bytes without blanks",
        ));
    }
    Ok(text.to_owned())
}

/// Percent-encodes one part of a URL, so that a password may hold any character.
fn encode(part: &str) -> percent_encoding::PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC)
}

/// The scheme of a URL, or an error that shows the scheme and nothing behind it.
fn scheme<'a>(
    variable: &'static str,
    url: &'a str,
    allowed: &[&str],
) -> Result<&'a str, ConfigError> {
    let example = format!("write {}://user:password@host:port/…", allowed[0]);
    let (scheme, _) = url
        .split_once("://")
        .ok_or_else(|| ConfigError::new(variable, format!("is not a URL; {example}")))?;
    if allowed.contains(&scheme) {
        Ok(scheme)
    } else if scheme
        .strip_suffix('s')
        .is_some_and(|plain| allowed.contains(&plain))
    {
        Err(ConfigError::new(
            variable,
            format!(
                "asks for TLS, which this build does not speak; {example}, and encrypt the network or use a proxy"
            ),
        ))
    } else {
        Err(ConfigError::new(
            variable,
            format!("has the scheme {scheme:?}; {example}"),
        ))
    }
}
