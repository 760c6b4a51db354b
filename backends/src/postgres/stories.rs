//! Stories: seen by friends and their owner, gone when their time is over.

mod comments;

use chat_core::ids::{AttachmentId, StoryId, UserId};
use chat_core::protocol::objects::Story;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

pub use comments::{NewComment, comment, comments, delete_comment};

/// A story to publish; everything is checked and sanitised already.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members are those of the story")]
pub struct NewStory {
    pub id: StoryId,
    pub user_id: UserId,
    pub content: String,
    pub attachment_id: Option<AttachmentId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

struct StoryRow {
    story_id: uuid::Uuid,
    user_id: uuid::Uuid,
    content: String,
    attachment_id: Option<uuid::Uuid>,
    media_url: Option<String>,
    created_at: chrono::DateTime<chrono::Utc>,
    expires_at: chrono::DateTime<chrono::Utc>,
    view_count: i64,
    like_count: i64,
    comment_count: i64,
    viewed_by_me: bool,
    liked_by_me: bool,
}

impl From<StoryRow> for Story {
    fn from(row: StoryRow) -> Self {
        Self {
            id: row.story_id.into(),
            user_id: row.user_id.into(),
            content: row.content,
            attachment_id: row.attachment_id.map(AttachmentId::from),
            media_url: row.media_url,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
            view_count: row.view_count,
            like_count: row.like_count,
            comment_count: row.comment_count,
            viewed_by_me: row.viewed_by_me,
            liked_by_me: row.liked_by_me,
        }
    }
}

/// Publishes a story.
///
/// # Errors
/// If the database fails.
pub async fn insert(db: impl PgExecutor<'_>, story: &NewStory) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO stories (story_id, user_id, content, attachment_id, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        story.id.uuid(),
        story.user_id.uuid(),
        story.content,
        story.attachment_id.map(AttachmentId::uuid),
        story.created_at.utc(),
        story.expires_at.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Which stories to read.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// This one.
    One(StoryId),
    /// Those of this user.
    Of(UserId),
    /// Everything that the viewer may see.
    All,
}

/// The stories that `viewer` may see and whose time is not over, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn visible(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    which: Which,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Story>, sqlx::Error> {
    let (story, owner) = match which {
        Which::One(story) => (Some(story.uuid()), None),
        Which::Of(owner) => (None, Some(owner.uuid())),
        Which::All => (None, None),
    };
    let rows = sqlx::query_as!(
        StoryRow,
        r#"
        SELECT s.story_id, s.user_id, s.content, s.attachment_id, a.url AS "media_url?", s.created_at, s.expires_at,
               (SELECT count(*) FROM story_views v WHERE v.story_id = s.story_id) AS "view_count!",
               (SELECT count(*) FROM story_likes l WHERE l.story_id = s.story_id) AS "like_count!",
               (SELECT count(*) FROM story_comments c WHERE c.story_id = s.story_id) AS "comment_count!",
               EXISTS (SELECT FROM story_views v WHERE v.story_id = s.story_id AND v.user_id = $1) AS "viewed_by_me!",
               EXISTS (SELECT FROM story_likes l WHERE l.story_id = s.story_id AND l.user_id = $1) AS "liked_by_me!"
        FROM stories s LEFT JOIN attachments a ON a.attachment_id = s.attachment_id
        WHERE s.expires_at > $2
          AND ($3::uuid IS NULL OR s.story_id = $3) AND ($4::uuid IS NULL OR s.user_id = $4)
          AND (s.user_id = $1
               OR EXISTS (SELECT FROM friendships f WHERE f.user_id = $1 AND f.friend_id = s.user_id))
        ORDER BY s.created_at DESC, s.story_id DESC LIMIT $5
        "#,
        viewer.uuid(),
        now.utc(),
        story,
        owner,
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Story::from).collect())
}

/// Notes that `viewer` saw a story; whether it was the first time.
///
/// # Errors
/// If the database fails.
pub async fn view(
    db: impl PgExecutor<'_>,
    story: StoryId,
    viewer: UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        INSERT INTO story_views (story_id, user_id, viewed_at) SELECT story_id, $2, $3 FROM stories WHERE story_id = $1
        ON CONFLICT (story_id, user_id) DO NOTHING
        "#,
        story.uuid(),
        viewer.uuid(),
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Likes a story, or takes the like back; whether anything changed.
///
/// # Errors
/// If the database fails.
pub async fn like(
    db: impl PgExecutor<'_>,
    story: StoryId,
    user: UserId,
    liked: bool,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let query = if liked {
        sqlx::query!(
            r#"
            INSERT INTO story_likes (story_id, user_id, liked_at)
            SELECT story_id, $2, $3 FROM stories WHERE story_id = $1
            ON CONFLICT (story_id, user_id) DO NOTHING
            "#,
            story.uuid(),
            user.uuid(),
            now.utc(),
        )
    } else {
        sqlx::query!(
            "DELETE FROM story_likes WHERE story_id = $1 AND user_id = $2",
            story.uuid(),
            user.uuid(),
        )
    };
    Ok(query.execute(db).await?.rows_affected() > 0)
}

/// Changes the text of an owner's story; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn edit(
    db: impl PgExecutor<'_>,
    story: StoryId,
    owner: UserId,
    content: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE stories SET content = $3 WHERE story_id = $1 AND user_id = $2",
        story.uuid(),
        owner.uuid(),
        content,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes an owner's story; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn delete(
    db: impl PgExecutor<'_>,
    story: StoryId,
    owner: UserId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM stories WHERE story_id = $1 AND user_id = $2",
        story.uuid(),
        owner.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes up to `limit` stories whose time is over and returns them with their owners.
///
/// # Errors
/// If the database fails.
pub async fn expire(
    db: impl PgExecutor<'_>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(StoryId, UserId)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        DELETE FROM stories WHERE story_id IN (
            SELECT story_id FROM stories WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING story_id, user_id
        "#,
        now.utc(),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.story_id.into(), row.user_id.into()))
        .collect())
}
