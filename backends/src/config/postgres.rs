//! Where Postgres is.

use std::str::FromStr;

use chat_core::{env, ports};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::{ConfigError, encode, given, number, scheme};

/// Where Postgres is, as it is given: a URL or its parts.
#[derive(Debug, Clone, Default, Args)]
pub struct PostgresArgs {
    /// Postgres URL, `postgres://user:password@host:port/database`; required unless the parts are given.
    #[arg(long, env = env::DATABASE_URL, hide_env_values = true)]
    pub database_url: Option<SecretString>,
    /// Postgres host, where no URL is given.
    #[arg(long, env = env::POSTGRES_HOST)]
    pub postgres_host: Option<String>,
    /// Postgres port, 1 to 65535; 5432 by default.
    #[arg(long, env = env::POSTGRES_PORT)]
    pub postgres_port: Option<String>,
    /// Postgres user; `postgres` by default.
    #[arg(long, env = env::POSTGRES_USER)]
    pub postgres_user: Option<String>,
    /// Postgres password.
    #[arg(long, env = env::POSTGRES_PASSWORD, hide_env_values = true)]
    pub postgres_password: Option<SecretString>,
    /// Postgres database; the user's name by default.
    #[arg(long, env = env::POSTGRES_DB)]
    pub postgres_db: Option<String>,
}

/// Where Postgres is, checked.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    url: SecretString,
}

impl PostgresArgs {
    /// Checks the settings; the URL wins over the parts.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that is missing or wrong.
    pub fn resolve(&self) -> Result<PostgresConfig, ConfigError> {
        let given_url = self
            .database_url
            .as_ref()
            .filter(|url| !url.expose_secret().trim().is_empty());
        let url = match given_url {
            Some(url) => SecretString::from(url.expose_secret().trim()),
            None => self.url_of_parts()?,
        };
        PostgresConfig::from_url(url)
    }

    fn url_of_parts(&self) -> Result<SecretString, ConfigError> {
        let host = given(self.postgres_host.as_ref()).ok_or_else(|| {
            ConfigError::new(
                env::DATABASE_URL,
                format!(
                    "is not set; set it to postgres://user:password@host:5432/database, or set {}",
                    env::POSTGRES_HOST
                ),
            )
        })?;
        let port = number(
            env::POSTGRES_PORT,
            self.postgres_port.as_ref(),
            ports::POSTGRES,
            1..=u16::MAX,
        )?;
        let user = given(self.postgres_user.as_ref()).unwrap_or("postgres");
        let database = given(self.postgres_db.as_ref()).unwrap_or(user);
        let password = self
            .postgres_password
            .as_ref()
            .map_or(String::new(), |password| {
                format!(":{}", encode(password.expose_secret()))
            });
        Ok(SecretString::from(format!(
            "postgres://{}{password}@{host}:{port}/{}",
            encode(user),
            encode(database)
        )))
    }
}

impl PostgresConfig {
    /// Checks a URL, as tests and tools have it.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not a Postgres URL.
    pub fn from_url(url: impl Into<SecretString>) -> Result<Self, ConfigError> {
        let url = url.into();
        scheme(
            env::DATABASE_URL,
            url.expose_secret(),
            &["postgres", "postgresql"],
        )?;
        PgConnectOptions::from_str(url.expose_secret()).map_err(|_| {
            // The driver's message may quote the URL, and with it the password.
            ConfigError::new(
                env::DATABASE_URL,
                "can't be read; write postgres://user:password@host:port/database with special characters percent-encoded",
            )
        })?;
        Ok(Self { url })
    }

    /// The URL with its password: for the driver, never for a log.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// The options for the driver.
    pub fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::from_str(self.url.expose_secret())
            .expect("from_url has parsed the same text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_url(url: &str) -> Result<PostgresConfig, String> {
        PostgresArgs {
            database_url: Some(SecretString::from(url)),
            ..PostgresArgs::default()
        }
        .resolve()
        .map_err(|error| error.to_string())
    }

    #[test]
    fn a_missing_database_is_one_line_with_both_remedies() {
        let error = PostgresArgs::default().resolve().unwrap_err().to_string();
        assert_eq!(
            error,
            "DATABASE_URL is not set; set it to postgres://user:password@host:5432/database, or set POSTGRES_HOST"
        );
    }

    #[test]
    fn wrong_schemes_and_ports_are_named_without_the_password() {
        for (url, start) in [
            (
                "mysql://u:s3cret@h/db",
                "DATABASE_URL has the scheme \"mysql\"",
            ),
            ("localhost:5432/s3cret", "DATABASE_URL is not a URL"),
            (
                "postgres://u:s3cret@h:99999/db",
                "DATABASE_URL can't be read",
            ),
        ] {
            let error = from_url(url).unwrap_err();
            assert!(error.starts_with(start), "{url}: {error}");
            assert!(!error.contains("s3cret"), "{url}: {error}");
        }
        let error = PostgresArgs {
            postgres_host: Some("db".into()),
            postgres_port: Some("543x".into()),
            ..PostgresArgs::default()
        }
        .resolve()
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "POSTGRES_PORT is \"543x\"; it must be a number from 1 to 65535"
        );
    }

    #[test]
    fn a_password_of_parts_may_hold_any_character() {
        let config = PostgresArgs {
            postgres_host: Some("db".into()),
            postgres_user: Some("chat".into()),
            postgres_password: Some(SecretString::from("a/b@c:d#e%")),
            ..PostgresArgs::default()
        }
        .resolve()
        .unwrap();
        assert_eq!(config.connect_options().get_host(), "db");
        assert_eq!(config.connect_options().get_username(), "chat");
        assert_eq!(config.connect_options().get_database(), Some("chat"));
        assert!(!format!("{config:?}").contains("b@c"), "{config:?}");
    }
}
