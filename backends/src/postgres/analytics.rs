//! The analytics group's rollup: how much of what happened in each minute.

use chat_core::time::Timestamp;
use chrono::DateTime;
use sqlx::PgExecutor;

pub mod windows;

/// How often something happened in a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The minute's start.
    pub minute: Timestamp,
    /// Type of the event.
    pub event_type: String,
    /// How often.
    pub events: i64,
}

/// Adds counts; those of one minute and type must be summed up already.
///
/// # Errors
/// If the database fails.
pub async fn add(db: impl PgExecutor<'_>, counts: &[Count]) -> Result<(), sqlx::Error> {
    let minutes: Vec<DateTime<chrono::Utc>> =
        counts.iter().map(|count| count.minute.utc()).collect();
    let types: Vec<String> = counts
        .iter()
        .map(|count| count.event_type.clone())
        .collect();
    let events: Vec<i64> = counts.iter().map(|count| count.events).collect();
    sqlx::query!(
        r#"
        INSERT INTO analytics_minutes (minute, event_type, events)
        SELECT minute, event_type, events FROM unnest($1::timestamptz[], $2::text[], $3::bigint[])
            AS new (minute, event_type, events)
        ON CONFLICT (minute, event_type) DO UPDATE SET events = analytics_minutes.events + excluded.events
        "#,
        &minutes,
        &types,
        &events,
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// The counts since `since`, oldest minute first.
///
/// # Errors
/// If the database fails.
pub async fn since(db: impl PgExecutor<'_>, since: Timestamp) -> Result<Vec<Count>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT minute, event_type, events FROM analytics_minutes WHERE minute >= $1
        ORDER BY minute, event_type
        "#,
        since.utc(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Count {
            minute: row.minute.into(),
            event_type: row.event_type,
            events: row.events,
        })
        .collect())
}
