//! Files that users uploaded, by what is known of them; their bytes lie elsewhere.

use chat_core::ids::{AttachmentId, UserId};
use chat_core::protocol::objects::Attachment;
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

/// The files with these ids, in no order; unknown ones are left out.
///
/// # Errors
/// If the database fails.
pub async fn by_ids(
    db: impl PgExecutor<'_>,
    files: &[AttachmentId],
) -> Result<Vec<Attachment>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT attachment_id, file_name, mime_type, size_bytes, sha256, url, thumb_url, width, height, duration_ms,
               created_at
        FROM attachments WHERE attachment_id = ANY($1)
        "#,
        &super::uuids(files),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Attachment {
            id: row.attachment_id.into(),
            file_name: row.file_name,
            mime_type: row.mime_type,
            size: row.size_bytes,
            sha256: row.sha256,
            url: row.url,
            thumb_url: row.thumb_url,
            width: row.width,
            height: row.height,
            duration_ms: row.duration_ms,
            created_at: row.created_at.into(),
        })
        .collect())
}

/// Whether `user` uploaded all of these files.
///
/// # Errors
/// If the database fails.
pub async fn all_uploaded_by(
    db: impl PgExecutor<'_>,
    user: UserId,
    files: &[AttachmentId],
) -> Result<bool, sqlx::Error> {
    let mut wanted = super::uuids(files);
    wanted.sort_unstable();
    wanted.dedup();
    let found = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM attachments WHERE attachment_id = ANY($1) AND uploader_id = $2"#,
        &wanted,
        user.uuid(),
    )
    .fetch_one(db)
    .await?;
    Ok(usize::try_from(found).is_ok_and(|found| found == wanted.len()))
}

/// Remembers an uploaded file.
///
/// # Errors
/// If the database fails.
pub async fn insert(
    db: impl PgExecutor<'_>,
    uploader: UserId,
    file: &Attachment,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO attachments (attachment_id, uploader_id, file_name, mime_type, size_bytes, sha256, url, thumb_url,
                                 width, height, duration_ms, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        "#,
        file.id.uuid(),
        uploader.uuid(),
        file.file_name,
        file.mime_type,
        file.size,
        file.sha256,
        file.url,
        file.thumb_url,
        file.width,
        file.height,
        file.duration_ms,
        file.created_at.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// The file, if `user` may read it: the uploader, a member of a room that holds it, or who may see a story with it.
///
/// # Errors
/// If the database fails.
pub async fn readable(
    conn: &mut PgConnection,
    user: UserId,
    file: AttachmentId,
    now: Timestamp,
) -> Result<Option<Attachment>, sqlx::Error> {
    let may = sqlx::query_scalar!(
        r#"
        SELECT a.uploader_id = $1
            OR EXISTS (SELECT FROM room_attachments h JOIN members m ON m.room_id = h.room_id AND m.user_id = $1
                       WHERE h.attachment_id = $2)
            OR EXISTS (SELECT FROM stories s JOIN friendships f ON f.friend_id = s.user_id AND f.user_id = $1
                       WHERE s.attachment_id = $2 AND s.expires_at > $3) AS "may!"
        FROM attachments a WHERE a.attachment_id = $2
        "#,
        user.uuid(),
        file.uuid(),
        now.utc(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    if may != Some(true) {
        return Ok(None);
    }
    Ok(by_ids(conn, &[file]).await?.pop())
}

/// Forgets up to `limit` files that nothing holds and that were uploaded before `before`, or by somebody who is gone, and
/// returns their ids. Whoever deletes the bytes before the transaction is committed leaves none behind.
///
/// # Errors
/// If the database fails.
pub async fn collect_garbage(
    db: impl PgExecutor<'_>,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<AttachmentId>, sqlx::Error> {
    let gone = sqlx::query_scalar!(
        r#"
        DELETE FROM attachments WHERE attachment_id IN (
            SELECT a.attachment_id FROM attachments a
            WHERE (a.created_at < $1
                   OR EXISTS (SELECT FROM users u WHERE u.user_id = a.uploader_id AND u.deleted_at IS NOT NULL))
              AND NOT EXISTS (SELECT FROM room_attachments h JOIN rooms r ON r.room_id = h.room_id
                              WHERE h.attachment_id = a.attachment_id AND r.deleted_at IS NULL)
              AND NOT EXISTS (SELECT FROM stories s WHERE s.attachment_id = a.attachment_id)
            LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING attachment_id
        "#,
        before.utc(),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(gone.into_iter().map(AttachmentId::from).collect())
}

/// The files that `user` uploaded, the oldest first, after the one with the id `after`.
///
/// # Errors
/// If the database fails.
pub async fn of_uploader(
    conn: &mut PgConnection,
    user: UserId,
    after: Option<AttachmentId>,
    limit: u32,
) -> Result<Vec<Attachment>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT attachment_id FROM attachments
        WHERE uploader_id = $1 AND ($2::uuid IS NULL OR attachment_id > $2) ORDER BY attachment_id LIMIT $3
        "#,
        user.uuid(),
        after.map(AttachmentId::uuid),
        i64::from(limit),
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<AttachmentId> = ids.into_iter().map(AttachmentId::from).collect();
    let mut files = by_ids(conn, &ids).await?;
    files.sort_by_key(|file| file.id);
    Ok(files)
}

/// Forgets a file whose bytes could not be stored.
///
/// # Errors
/// If the database fails.
pub async fn forget(db: impl PgExecutor<'_>, file: AttachmentId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM attachments WHERE attachment_id = $1",
        file.uuid()
    )
    .execute(db)
    .await
    .map(|_| ())
}
