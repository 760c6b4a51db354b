//! The audit log: who did what to whom. Rows are added and, after their time, pruned; never changed. The event log is told
//! of each (`audit.log`), whoever adds it.

use chat_core::event::derived::Audited;
use chat_core::event::{DomainEvent, EventType};
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;
use uuid::Uuid;

/// An entry to write. It must never hold content, tokens or passwords.
#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    /// When it happened.
    pub at: Timestamp,
    /// Who did it; `None`: nobody known, as with a failed login.
    pub actor: Option<UserId>,
    /// What was done, for example `user.ban`.
    pub action: &'a str,
    /// To whom or what.
    pub target: Option<&'a str>,
    /// The room or user that this is; `None`: neither, and it belongs to the actor.
    pub key: Option<Uuid>,
    /// From where.
    pub ip: Option<&'a str>,
    /// What else matters.
    pub details: serde_json::Value,
}

/// An entry as admins see it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the members are those of the new entry")]
pub struct Entry {
    /// Rises with every entry; the cursor of the list.
    pub id: i64,
    pub at: Timestamp,
    pub actor: Option<UserId>,
    pub action: String,
    pub target: Option<String>,
    pub ip: Option<String>,
    pub details: serde_json::Value,
}

/// What to list; `None` everywhere lists everything.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Filter<'a> {
    pub actor: Option<UserId>,
    pub action: Option<&'a str>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Only entries before this one: where the page before ended.
    pub before: Option<i64>,
}

/// Writes an entry, and into the outbox what the event log is told of it.
///
/// # Errors
/// If the database fails; then neither is written.
pub async fn write(db: impl PgExecutor<'_>, entry: &NewEntry<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        WITH told AS (INSERT INTO event_outbox (entry) VALUES ($7))
        INSERT INTO audit_log (at, actor_id, action, target, ip, details) VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        entry.at.utc(),
        entry.actor.map(UserId::uuid),
        entry.action,
        entry.target,
        entry.ip,
        entry.details,
        told(entry).encode(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

fn told(entry: &NewEntry<'_>) -> DomainEvent {
    // Of nobody and about nobody: a token that names no account.
    let key = entry.key.or_else(|| entry.actor.map(UserId::uuid));
    let audited = Audited {
        actor_id: entry.actor,
        action: entry.action,
        target: entry.target,
    };
    DomainEvent::derived(
        EventType::AuditLog,
        entry.at,
        key.unwrap_or_default(),
        &audited,
    )
}

/// Entries, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: Filter<'_>,
    limit: u32,
) -> Result<Vec<Entry>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT entry_id, at, actor_id, action, target, ip, details FROM audit_log
        WHERE ($1::uuid IS NULL OR actor_id = $1) AND ($2::text IS NULL OR action = $2)
          AND ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at < $4)
          AND ($5::bigint IS NULL OR entry_id < $5)
        ORDER BY entry_id DESC LIMIT $6
        "#,
        filter.actor.map(UserId::uuid),
        filter.action,
        filter.from.map(Timestamp::utc),
        filter.to.map(Timestamp::utc),
        filter.before,
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Entry {
            id: row.entry_id,
            at: row.at.into(),
            actor: row.actor_id.map(UserId::from),
            action: row.action,
            target: row.target,
            ip: row.ip,
            details: row.details,
        })
        .collect())
}

/// Forgets entries from before `before`; returns how many.
///
/// # Errors
/// If the database fails.
pub async fn prune(db: impl PgExecutor<'_>, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM audit_log WHERE at < $1", before.utc())
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
