//! Postgres, the truth: one file a table, one statement a function.
//!
//! Functions take `impl PgExecutor` where one statement is enough, so that a pool or a transaction can call them, and
//! `&mut PgConnection` where several belong together. Clock and ids come in as parameters. Nothing here decides
//! whether an act is allowed beyond what only the database can know under a lock.

use std::time::Duration;

pub use sqlx::{Error, PgConnection, PgExecutor, PgPool};

use crate::config::PostgresConfig;

pub mod acknowledged;
pub mod analytics;
pub mod attachments;
pub mod audit;
pub mod blocks;
pub mod calls;
pub mod dialect_facts;
pub mod drafts;
pub mod event_groups;
pub mod exports;
pub mod friends;
pub mod invites;
pub mod jobs;
pub mod join_requests;
pub mod members;
pub mod mentions;
pub mod message_facts;
pub mod messages;
pub mod open_invites;
pub mod outbox;
pub mod push;
pub mod reactions;
pub mod receipts;
pub mod reports;
pub mod room_bans;
pub mod room_summary;
pub mod rooms;
pub mod sessions;
pub mod stories;
pub mod users;

mod names;

/// How a process uses Postgres.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Most connections of this process.
    pub max_connections: u32,
    /// How long a caller waits for a free connection before it is told that Postgres is away.
    pub acquire_timeout: Duration,
    /// How long one statement may run before Postgres ends it.
    pub statement_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// A pool with the default settings.
///
/// # Errors
/// None so far: the URL was checked with the configuration, and connections are made when they are first needed.
pub fn connect(config: &PostgresConfig) -> Result<PgPool, Error> {
    Ok(connect_with(config, &PoolSettings::default()))
}

/// A pool; the first connection is made when it is first needed.
pub fn connect_with(config: &PostgresConfig, settings: &PoolSettings) -> PgPool {
    let options = config
        .connect_options()
        .application_name("chatcluster")
        .statement_cache_capacity(512)
        .options([
            (
                "statement_timeout",
                settings.statement_timeout.as_millis().to_string().as_str(),
            ),
            // Every statement here is a lookup by key. Planning one against 16 partitions for its parameters costs
            // more than running it, and the generic plan is the right one from the first call on.
            ("plan_cache_mode", "force_generic_plan"),
            // A plan that was made while a table was tiny must go by the index already: the table grows, and the plan
            // stays until the database has looked at the table again. Where there is no index, a scan is still made.
            ("random_page_cost", "1.1"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            // Such a scan is priced so high that it would be compiled first.
            ("jit", "off"),
        ]);
    sqlx::postgres::PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        .connect_lazy_with(options)
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Brings the schema up to this binary's version; concurrent callers wait for each other.
///
/// # Errors
/// If the database can't be reached or a migration fails; a failed migration leaves nothing behind.
pub async fn migrate(pool: &PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    MIGRATIONS.run(pool).await
}

/// Whether every migration that this binary knows is applied. A newer schema is current too: migrations only add.
///
/// # Errors
/// If the database can't be reached.
pub async fn schema_is_current(db: impl PgExecutor<'_>) -> Result<bool, Error> {
    // The table of applied migrations is sqlx's own and absent before the first run, so this can't be a checked query.
    let applied: Result<Vec<i64>, Error> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
            .fetch_all(db)
            .await;
    let applied = match applied {
        Err(Error::Database(error)) if error.code().as_deref() == Some(UNDEFINED_TABLE) => {
            return Ok(false);
        }
        other => other?,
    };
    Ok(MIGRATIONS
        .iter()
        .all(|migration| applied.contains(&migration.version)))
}

/// One round trip.
///
/// # Errors
/// If the database does not answer.
pub async fn ping(db: impl PgExecutor<'_>) -> Result<(), Error> {
    sqlx::query("SELECT 1").execute(db).await.map(|_| ())
}

const UNDEFINED_TABLE: &str = "42P01";
const STATEMENT_TIMEOUT: &str = "57014";

/// Whether the same call may well succeed later: Postgres is away, restarting, overloaded or chose this
/// transaction as a deadlock's or serialisation's victim. Everything else is this call's own fault.
pub fn is_transient(error: &Error) -> bool {
    match error {
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed => true,
        Error::Database(error) => error.code().is_some_and(|code| {
            // Connection trouble, rollbacks, lack of resources, intervention by an operator, system errors;
            // 55P03 is a lock not available, 25006 a write sent to a standby during a failover. Not 57014, the
            // statement timeout: what takes that long by itself would take it for ever and stop all others.
            ["08", "40", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class))
                && code != STATEMENT_TIMEOUT
                || matches!(code.as_ref(), "55P03" | "25006")
        }),
        _ => false,
    }
}

/// The name of the constraint that `error` violates.
fn violated(error: &Error) -> Option<&str> {
    match error {
        Error::Database(error) => error.constraint(),
        _ => None,
    }
}

/// What belongs to each of `keys`, in their order; a key may be there twice.
fn of_each<K: Copy + Eq + std::hash::Hash, V: Clone>(
    keys: &[K],
    pairs: impl Iterator<Item = (K, V)>,
) -> Vec<Vec<V>> {
    let mut found: std::collections::HashMap<K, Vec<V>> = std::collections::HashMap::new();
    for (key, value) in pairs {
        found.entry(key).or_default().push(value);
    }
    let of = |key| found.get(key).cloned().unwrap_or_default();
    keys.iter().map(of).collect()
}

/// The bare UUIDs of these ids, as array parameters take them.
fn uuids<K>(ids: &[chat_core::ids::Id<K>]) -> Vec<uuid::Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}
