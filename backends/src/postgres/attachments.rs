//! Files that users uploaded, by what is known of them; their bytes lie elsewhere.

use chat_core::ids::{AttachmentId, UserId};
use chat_core::protocol::objects::Attachment;
use sqlx::PgExecutor;

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
