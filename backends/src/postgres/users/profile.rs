//! What users change about their own account, up to its end.

use chat_core::ids::UserId;
use chat_core::protocol::objects::User;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use super::{InsertUserError, UserRow};

/// Who may open a dm with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmPolicy {
    /// Anybody.
    Everyone,
    /// Friends only.
    Friends,
}

impl DmPolicy {
    const fn name(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Friends => "friends",
        }
    }
}

/// What to change; `None` leaves a member as it is. Everything is checked and sanitised already.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the members are those of the account")]
pub struct UserPatch {
    pub username: Option<String>,
    pub name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// An empty text takes it away.
    pub avatar_url: Option<String>,
    pub bio: Option<String>,
    pub dm_policy: Option<DmPolicy>,
}

/// Changes a profile and returns the account; `None` if there is none.
///
/// # Errors
/// [`InsertUserError::UsernameTaken`], or if the database fails.
pub async fn update(
    db: impl PgExecutor<'_>,
    user: UserId,
    patch: &UserPatch,
    now: Timestamp,
) -> Result<Option<User>, InsertUserError> {
    let updated = sqlx::query_as!(
        UserRow,
        r#"
        UPDATE users
        SET username = COALESCE($2, username), name = COALESCE($3, name), first_name = COALESCE($4, first_name),
            last_name = COALESCE($5, last_name), bio = COALESCE($7, bio), dm_policy = COALESCE($8, dm_policy),
            avatar_url = CASE WHEN $6::text IS NULL THEN avatar_url ELSE NULLIF($6, '') END, updated_at = $9
        WHERE user_id = $1 AND deleted_at IS NULL
        RETURNING user_id, email, username, name, first_name, last_name, phone, avatar_url, bio, role,
                  (banned_at IS NULL OR coalesce(banned_until <= now(), false)) AS "is_active!", created_at, updated_at
        "#,
        user.uuid(),
        patch.username,
        patch.name,
        patch.first_name,
        patch.last_name,
        patch.avatar_url,
        patch.bio,
        patch.dm_policy.map(DmPolicy::name),
        now.utc(),
    )
    .fetch_optional(db)
    .await;
    match updated {
        Ok(row) => Ok(row.map(User::try_from).transpose()?),
        Err(error) => Err(match crate::postgres::violated(&error) {
            Some("users_username_key") => InsertUserError::UsernameTaken,
            _ => InsertUserError::Db(error),
        }),
    }
}

/// Whether `other` takes dms from `user`.
///
/// # Errors
/// If the database fails.
pub async fn open_to_dm(
    db: impl PgExecutor<'_>,
    user: UserId,
    other: UserId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM users u WHERE u.user_id = $2 AND u.deleted_at IS NULL
              AND (u.dm_policy = 'everyone'
                   OR EXISTS (SELECT FROM friendships f WHERE f.user_id = $1 AND f.friend_id = $2))) AS "open!"
        "#,
        user.uuid(),
        other.uuid(),
    )
    .fetch_one(db)
    .await
}

/// The hash of a user's password; `None` if there is no such account.
///
/// # Errors
/// If the database fails.
pub async fn password_hash(
    db: impl PgExecutor<'_>,
    user: UserId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT password_hash FROM users WHERE user_id = $1 AND deleted_at IS NULL",
        user.uuid(),
    )
    .fetch_optional(db)
    .await
}

/// Replaces the hash of a user's password; whether there is such an account.
///
/// # Errors
/// If the database fails.
pub async fn set_password(
    db: impl PgExecutor<'_>,
    user: UserId,
    password_hash: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE users SET password_hash = $2, updated_at = $3 WHERE user_id = $1 AND deleted_at IS NULL",
        user.uuid(),
        password_hash,
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Erases an account: its profile, and everything that is only about it. What it wrote in rooms stays, by a user
/// without a name; its place in groups is the caller's to give up first. Its exports and loose files are housekeeping's,
/// which deletes their bytes first. Whether there was such an account.
///
/// # Errors
/// If the database fails.
pub async fn erase(
    db: impl PgExecutor<'_>,
    user: UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let erased = sqlx::query_scalar!(
        r#"
        WITH erased AS (
            UPDATE users
            SET email = NULL, username = 'deleted-' || user_id, name = 'Deleted user', first_name = '',
                middle_name = '', last_name = '', phone = NULL, avatar_url = NULL, bio = '', password_hash = '',
                role = 'USER', ban_reason = NULL, mute_reason = NULL, updated_at = $2, deleted_at = $2
            WHERE user_id = $1 AND deleted_at IS NULL RETURNING user_id
        ),
        a AS (DELETE FROM sessions WHERE user_id IN (SELECT user_id FROM erased)),
        b AS (DELETE FROM friendships
              WHERE user_id IN (SELECT user_id FROM erased) OR friend_id IN (SELECT user_id FROM erased)),
        c AS (DELETE FROM friend_requests
              WHERE from_id IN (SELECT user_id FROM erased) OR to_id IN (SELECT user_id FROM erased)),
        d AS (DELETE FROM blocks
              WHERE blocker_id IN (SELECT user_id FROM erased) OR blocked_id IN (SELECT user_id FROM erased)),
        e AS (DELETE FROM drafts WHERE user_id IN (SELECT user_id FROM erased)),
        f AS (DELETE FROM stories WHERE user_id IN (SELECT user_id FROM erased)),
        g AS (DELETE FROM story_views WHERE user_id IN (SELECT user_id FROM erased)),
        h AS (DELETE FROM story_likes WHERE user_id IN (SELECT user_id FROM erased)),
        i AS (DELETE FROM story_comments WHERE user_id IN (SELECT user_id FROM erased)),
        j AS (DELETE FROM push_subscriptions WHERE user_id IN (SELECT user_id FROM erased)),
        k AS (DELETE FROM mentions WHERE user_id IN (SELECT user_id FROM erased)),
        l AS (DELETE FROM invites WHERE user_id IN (SELECT user_id FROM erased)),
        m AS (DELETE FROM join_requests WHERE user_id IN (SELECT user_id FROM erased)),
        n AS (DELETE FROM message_hides WHERE user_id IN (SELECT user_id FROM erased)),
        o AS (UPDATE reports SET notes = NULL, reason = '' WHERE reporter_id IN (SELECT user_id FROM erased)),
        p AS (UPDATE audit_log SET ip = NULL
              WHERE actor_id IN (SELECT user_id FROM erased)
                 OR target IN (SELECT user_id::text FROM erased))
        SELECT user_id FROM erased
        "#,
        user.uuid(),
        now.utc(),
    )
    .fetch_optional(db)
    .await?;
    Ok(erased.is_some())
}
