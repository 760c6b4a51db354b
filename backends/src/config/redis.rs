//! Where Redis (or Valkey) is.

use std::str::FromStr;

use chat_core::{env, ports};
use clap::Args;
use redis::ConnectionInfo;
use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, encode, given, number, scheme};

/// Where Redis is, as it is given: a URL or its parts.
#[derive(Debug, Clone, Default, Args)]
pub struct RedisArgs {
    /// Redis URL, `redis://[:password@]host:port[/db]`; `redis://localhost:6379` by default.
    #[arg(long, env = env::REDIS_URL, hide_env_values = true)]
    pub redis_url: Option<SecretString>,
    /// Redis host, where no URL is given.
    #[arg(long, env = env::REDIS_HOST)]
    pub redis_host: Option<String>,
    /// Redis port, 1 to 65535; 6379 by default.
    #[arg(long, env = env::REDIS_PORT)]
    pub redis_port: Option<String>,
    /// Redis password.
    #[arg(long, env = env::REDIS_PASSWORD, hide_env_values = true)]
    pub redis_password: Option<SecretString>,
    /// Redis database number, 0 to 1023; 0 by default.
    #[arg(long, env = env::REDIS_DB)]
    pub redis_db: Option<String>,
    /// `true` writes the `webchat:` keys of an older deployment beside ours; `false` by default.
    #[arg(long, env = env::CHAT_WEBCHAT_REDIS_ALIASES)]
    pub chat_webchat_redis_aliases: Option<String>,
}

/// Where Redis is, checked.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    url: SecretString,
    /// Whether the `webchat:` keys are written beside ours.
    pub webchat_aliases: bool,
}

impl RedisArgs {
    /// Checks the settings; the URL wins over the parts.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that is wrong.
    pub fn resolve(&self) -> Result<RedisConfig, ConfigError> {
        let given_url = self
            .redis_url
            .as_ref()
            .filter(|url| !url.expose_secret().trim().is_empty());
        let url = match given_url {
            Some(url) => SecretString::from(url.expose_secret().trim()),
            None => self.url_of_parts()?,
        };
        let mut config = RedisConfig::from_url(url)?;
        config.webchat_aliases = match given(self.chat_webchat_redis_aliases.as_ref()) {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                return Err(ConfigError::new(
                    env::CHAT_WEBCHAT_REDIS_ALIASES,
                    format!("is {other:?}; write true or false"),
                ));
            }
        };
        Ok(config)
    }

    fn url_of_parts(&self) -> Result<SecretString, ConfigError> {
        let host = given(self.redis_host.as_ref()).unwrap_or("localhost");
        let port = number(
            env::REDIS_PORT,
            self.redis_port.as_ref(),
            ports::REDIS,
            1..=u16::MAX,
        )?;
        let database = number(env::REDIS_DB, self.redis_db.as_ref(), 0_u16, 0..=1023)?;
        let password = self
            .redis_password
            .as_ref()
            .filter(|password| !password.expose_secret().is_empty())
            .map_or(String::new(), |password| {
                format!(":{}@", encode(password.expose_secret()))
            });
        Ok(SecretString::from(format!(
            "redis://{password}{host}:{port}/{database}"
        )))
    }
}

impl RedisConfig {
    /// Checks a URL, as tests and tools have it.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not a Redis URL.
    pub fn from_url(url: impl Into<SecretString>) -> Result<Self, ConfigError> {
        let url = url.into();
        scheme(env::REDIS_URL, url.expose_secret(), &["redis"])?;
        ConnectionInfo::from_str(url.expose_secret()).map_err(|_| {
            // The driver's message may quote the URL, and with it the password.
            ConfigError::new(
                env::REDIS_URL,
                "can't be read; write redis://:password@host:port/db with special characters percent-encoded",
            )
        })?;
        Ok(Self {
            url,
            webchat_aliases: false,
        })
    }

    /// The connection's settings for the driver.
    pub(crate) fn connection_info(&self) -> ConnectionInfo {
        ConnectionInfo::from_str(self.url.expose_secret())
            .expect("from_url has parsed the same text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_url(url: &str) -> Result<RedisConfig, String> {
        RedisArgs {
            redis_url: Some(SecretString::from(url)),
            ..RedisArgs::default()
        }
        .resolve()
        .map_err(|error| error.to_string())
    }

    #[test]
    fn without_any_setting_redis_is_on_this_machine() {
        let info = RedisArgs::default().resolve().unwrap().connection_info();
        assert_eq!(info.addr().to_string(), "localhost:6379");
        assert_eq!(info.redis_settings().db(), 0);
    }

    #[test]
    fn wrong_urls_and_parts_are_named_without_the_password() {
        for (url, start) in [
            ("http://:s3cret@h:6379", "REDIS_URL has the scheme \"http\""),
            ("rediss://:s3cret@h:6379", "REDIS_URL asks for TLS"),
            ("h:6379", "REDIS_URL is not a URL"),
            ("redis://:s3cret@h:port", "REDIS_URL can't be read"),
            ("redis://:s3cret@h:6379/x", "REDIS_URL can't be read"),
        ] {
            let error = from_url(url).unwrap_err();
            assert!(error.starts_with(start), "{url}: {error}");
            assert!(!error.contains("s3cret"), "{url}: {error}");
        }
        for (args, expected) in [
            (
                RedisArgs {
                    redis_port: Some("0".into()),
                    ..RedisArgs::default()
                },
                "REDIS_PORT is \"0\"; it must be a number from 1 to 65535",
            ),
            (
                RedisArgs {
                    redis_db: Some("-1".into()),
                    ..RedisArgs::default()
                },
                "REDIS_DB is \"-1\"; it must be a number from 0 to 1023",
            ),
            (
                RedisArgs {
                    chat_webchat_redis_aliases: Some("yes".into()),
                    ..RedisArgs::default()
                },
                "CHAT_WEBCHAT_REDIS_ALIASES is \"yes\"; write true or false",
            ),
        ] {
            assert_eq!(args.resolve().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_password_of_parts_may_hold_any_character_and_is_not_shown() {
        let config = RedisArgs {
            redis_host: Some("cache".into()),
            redis_password: Some(SecretString::from("a/b@c:d")),
            redis_db: Some("3".into()),
            ..RedisArgs::default()
        }
        .resolve()
        .unwrap();
        let info = config.connection_info();
        assert_eq!(info.redis_settings().password(), Some("a/b@c:d"));
        assert_eq!(info.redis_settings().db(), 3);
        assert!(!format!("{config:?}").contains("b@c"), "{config:?}");
    }
}
