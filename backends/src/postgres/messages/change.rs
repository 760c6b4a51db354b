//! Changes of stored messages: edits, and the two ways of deleting. None of them uses or frees a number.

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use super::search;

/// Replaces the content; whether there was a message to edit that is not deleted.
///
/// # Errors
/// If the database fails.
pub async fn edit(
    conn: &mut sqlx::PgConnection,
    room: RoomId,
    seq: i64,
    content: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let (preview, has_more) = objects::preview(content);
    let done = sqlx::query!(
        r#"
        UPDATE messages SET content = $3, preview = $4, edited_at = $5, edit_version = edit_version + 1
        WHERE room_id = $1 AND seq = $2 AND deleted_at IS NULL
        "#,
        room.uuid(),
        seq,
        content,
        has_more.then_some(preview),
        now.utc(),
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    search::index_again(conn, room, seq).await?;
    Ok(true)
}

/// Turns a message into a tombstone for everybody and erases what it said; whether there was one to delete. When it
/// was deleted before, the first deletion stands.
///
/// # Errors
/// If the database fails.
pub async fn delete_for_all(
    db: impl PgExecutor<'_>,
    room: RoomId,
    seq: i64,
    by: UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        WITH reactions_gone AS (DELETE FROM reactions WHERE room_id = $1 AND seq = $2),
             words_gone AS (DELETE FROM message_words WHERE room_id = $1 AND seq = $2),
             files_gone AS (DELETE FROM room_attachments WHERE room_id = $1 AND seq = $2),
             mentions_gone AS (
                DELETE FROM mentions n USING messages m
                WHERE m.room_id = $1 AND m.seq = $2 AND n.room_id = $1 AND n.seq = $2 AND n.user_id = ANY(m.mentions))
        UPDATE messages
        SET content = '', preview = NULL, attachments = NULL, reactions = NULL, mentions = '{}',
            forwarded_from = NULL, pinned_at = NULL, pinned_by = NULL, deleted_at = $3, deleted_by = $4
        WHERE room_id = $1 AND seq = $2 AND deleted_at IS NULL
        "#,
        room.uuid(),
        seq,
        now.utc(),
        by.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Turns a message into a tombstone for `user` alone.
///
/// # Errors
/// If the database fails.
pub async fn hide(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
    seq: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO message_hides (room_id, user_id, seq, hidden_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (room_id, user_id, seq) DO NOTHING
        "#,
        room.uuid(),
        user.uuid(),
        seq,
        now.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}
