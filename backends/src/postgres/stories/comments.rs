//! Comments below stories.

use chat_core::ids::{CommentId, StoryId, UserId};
use chat_core::protocol::objects::{StoryComment, UserRef};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// A comment to add; sanitised already.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members are those of the comment")]
pub struct NewComment {
    pub id: CommentId,
    pub story_id: StoryId,
    pub user_id: UserId,
    pub content: String,
    pub created_at: Timestamp,
}

/// Adds a comment; whether the story was still there.
///
/// # Errors
/// If the database fails.
pub async fn comment(db: impl PgExecutor<'_>, comment: &NewComment) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        INSERT INTO story_comments (comment_id, story_id, user_id, content, created_at)
        SELECT $1, story_id, $3, $4, $5 FROM stories WHERE story_id = $2 AND expires_at > $5
        "#,
        comment.id.uuid(),
        comment.story_id.uuid(),
        comment.user_id.uuid(),
        comment.content,
        comment.created_at.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The comments below a story, the first at the front.
///
/// # Errors
/// If the database fails.
pub async fn comments(
    db: impl PgExecutor<'_>,
    story: StoryId,
    limit: u32,
) -> Result<Vec<StoryComment>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT c.comment_id, c.content, c.created_at, u.user_id, u.username, u.name, u.avatar_url
        FROM story_comments c JOIN users u ON u.user_id = c.user_id
        WHERE c.story_id = $1 ORDER BY c.created_at, c.comment_id LIMIT $2
        "#,
        story.uuid(),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoryComment {
            id: row.comment_id.into(),
            story_id: story,
            user: UserRef {
                id: row.user_id.into(),
                username: row.username,
                name: row.name,
                avatar_url: row.avatar_url,
            },
            content: row.content,
            created_at: row.created_at.into(),
        })
        .collect())
}

/// Deletes a comment for its author or the story's owner; whether there was one for them to delete.
///
/// # Errors
/// If the database fails.
pub async fn delete_comment(
    db: impl PgExecutor<'_>,
    comment: CommentId,
    by: UserId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM story_comments c USING stories s
        WHERE c.comment_id = $1 AND s.story_id = c.story_id AND (c.user_id = $2 OR s.user_id = $2)
        "#,
        comment.uuid(),
        by.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
