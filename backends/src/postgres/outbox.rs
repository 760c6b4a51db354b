//! Entries of the event log that wait to be appended: put here in the transaction of what they tell (an act that is done
//! without the broker, a row of the audit log, a planned notification), so that neither can be without the other.

use sqlx::{PgConnection, PgExecutor};

/// An entry that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the outbox.
    pub place: i64,
    /// The entry as JSON.
    pub entry: String,
    /// The W3C trace context of the act.
    pub traceparent: Option<String>,
}

/// Puts entries of one act at the end; no statement for none.
///
/// # Errors
/// If the database fails.
pub async fn put(
    db: impl PgExecutor<'_>,
    entries: &[String],
    traceparent: Option<&str>,
) -> Result<(), sqlx::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        INSERT INTO event_outbox (entry, traceparent)
        SELECT entry, $2 FROM unnest($1::text[]) WITH ORDINALITY AS new (entry, place) ORDER BY new.place
        "#,
        entries,
        traceparent,
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// The oldest entries; none while another process holds them. They are this transaction's until it ends.
///
/// # Errors
/// If the database fails.
pub async fn hold(conn: &mut PgConnection, most: i64) -> Result<Vec<Waiting>, sqlx::Error> {
    // One process at a time, so that a room's entries keep their order in the log.
    let ours = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended('event-outbox', 0)) AS "ours!""#
    )
    .fetch_one(&mut *conn)
    .await?;
    if !ours {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        Waiting,
        "SELECT place, entry, traceparent FROM event_outbox ORDER BY place LIMIT $1",
        most
    )
    .fetch_all(conn)
    .await
}

/// Removes entries that are in the log.
///
/// # Errors
/// If the database fails.
pub async fn remove(db: impl PgExecutor<'_>, places: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM event_outbox WHERE place = ANY($1)", places)
        .execute(db)
        .await
        .map(|_| ())
}
