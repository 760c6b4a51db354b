//! Exports of users' data: asked for, made behind the request, fetched by their owner.

use chat_core::ids::{ExportId, UserId};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// Where an export stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportState {
    /// It is being made, or waits for that.
    Pending,
    /// It is there, in the object store under this name.
    Ready {
        /// Name of the archive.
        object: String,
    },
    /// It could not be made.
    Failed,
}

/// Asks for an export.
///
/// # Errors
/// If the database fails.
pub async fn insert(
    db: impl PgExecutor<'_>,
    export: ExportId,
    user: UserId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO exports (export_id, user_id, created_at) VALUES ($1, $2, $3)",
        export.uuid(),
        user.uuid(),
        now.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// The export of `user` that is still being made, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn unfinished(
    db: impl PgExecutor<'_>,
    user: UserId,
) -> Result<Option<ExportId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT export_id FROM exports WHERE user_id = $1 AND status = 'pending' LIMIT 1",
        user.uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(ExportId::from))
}

/// Forgets up to `limit` exports from before `before`, or of somebody who is gone, and returns their ids. Whoever
/// deletes the archives before the transaction is committed leaves none behind.
///
/// # Errors
/// If the database fails.
pub async fn expire(
    db: impl PgExecutor<'_>,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<ExportId>, sqlx::Error> {
    let gone = sqlx::query_scalar!(
        r#"
        DELETE FROM exports WHERE export_id IN (
            SELECT e.export_id FROM exports e
            WHERE e.created_at < $1
               OR EXISTS (SELECT FROM users u WHERE u.user_id = e.user_id AND u.deleted_at IS NOT NULL)
            LIMIT $2 FOR UPDATE OF e SKIP LOCKED)
        RETURNING export_id
        "#,
        before.utc(),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(gone.into_iter().map(ExportId::from).collect())
}

/// The state of an export of `user`; `None` if it is not theirs.
///
/// # Errors
/// If the database fails.
pub async fn state(
    db: impl PgExecutor<'_>,
    export: ExportId,
    user: UserId,
) -> Result<Option<ExportState>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT status, object FROM exports WHERE export_id = $1 AND user_id = $2",
        export.uuid(),
        user.uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| match (row.status.as_str(), row.object) {
        ("ready", Some(object)) => ExportState::Ready { object },
        ("pending", _) => ExportState::Pending,
        _ => ExportState::Failed,
    }))
}

/// The oldest export that waits, locked until the transaction ends, so that one process makes it.
///
/// # Errors
/// If the database fails.
pub async fn next_pending(
    db: impl PgExecutor<'_>,
) -> Result<Option<(ExportId, UserId)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT export_id, user_id FROM exports WHERE status = 'pending'
        ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
        "#,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.export_id.into(), row.user_id.into())))
}

/// Marks an export as ready, with the name of its archive, or as failed without.
///
/// # Errors
/// If the database fails.
pub async fn finish(
    db: impl PgExecutor<'_>,
    export: ExportId,
    object: Option<&str>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE exports SET status = CASE WHEN $2::text IS NULL THEN 'failed' ELSE 'ready' END,
                           object = $2, finished_at = $3
        WHERE export_id = $1
        "#,
        export.uuid(),
        object,
        now.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}
