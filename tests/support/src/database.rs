//! A database of a test's own.

use chat_backends::config::PostgresConfig;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::variable;

/// An empty database. It stays until [`Self::remove`].
#[derive(Debug)]
pub struct Database {
    /// Where it is, `postgres://…`.
    pub url: String,
    name: String,
    admin_url: String,
}

impl Database {
    /// Creates it on the server that `TEST_DATABASE_URL` names.
    ///
    /// # Panics
    /// If the server is away or its user may not create databases.
    pub async fn create() -> Self {
        let admin_url = variable("TEST_DATABASE_URL");
        let name = format!("chat_test_{}", Uuid::new_v4().simple());
        let (server, _) = admin_url.rsplit_once('/').unwrap();
        let database = Self {
            url: format!("{server}/{name}"),
            name,
            admin_url,
        };
        database.order("CREATE DATABASE", "").await;
        database
    }

    /// The adapter's settings for it.
    ///
    /// # Panics
    /// If `TEST_DATABASE_URL` is no address of a Postgres.
    #[must_use]
    pub fn config(&self) -> PostgresConfig {
        PostgresConfig::from_url(self.url.clone()).unwrap()
    }

    /// Drops it, whoever is connected.
    ///
    /// # Panics
    /// If the server is away.
    pub async fn remove(&self) {
        self.order("DROP DATABASE IF EXISTS", "WITH (FORCE)").await;
    }

    async fn order(&self, verb: &str, options: &str) {
        let mut admin = PgConnection::connect(&self.admin_url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("{verb} {} {options}", self.name)))
            .execute(&mut admin)
            .await
            .unwrap();
        admin.close().await.unwrap();
    }
}
