//! Accounts as others find them.

use chat_core::ids::UserId;
use chat_core::protocol::objects::{User, UserRef};
use sqlx::PgExecutor;

use super::{UserRefRow, UserRow};

/// The short form of these accounts, in no order; unknown and deleted ones are left out.
///
/// # Errors
/// If the database fails.
pub async fn refs(db: impl PgExecutor<'_>, users: &[UserId]) -> Result<Vec<UserRef>, sqlx::Error> {
    let rows = sqlx::query_as!(
        UserRefRow,
        "SELECT user_id, username, name, avatar_url FROM users WHERE user_id = ANY($1) AND deleted_at IS NULL",
        &crate::postgres::uuids(users),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(UserRef::from).collect())
}

/// Which of these accounts exist and are not deleted.
///
/// # Errors
/// If the database fails.
pub async fn existing(
    db: impl PgExecutor<'_>,
    users: &[UserId],
) -> Result<Vec<UserId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT user_id FROM users WHERE user_id = ANY($1) AND deleted_at IS NULL",
        &crate::postgres::uuids(users),
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(UserId::from).collect())
}

/// Accounts whose username or name begins with `text`, or whose email is `text`; those with the username first.
///
/// # Errors
/// If the database fails.
pub async fn search(
    db: impl PgExecutor<'_>,
    text: &str,
    limit: u32,
) -> Result<Vec<UserRef>, sqlx::Error> {
    let escaped = text
        .to_lowercase()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    let rows = sqlx::query_as!(
        UserRefRow,
        r#"
        SELECT user_id, username, name, avatar_url FROM users
        WHERE deleted_at IS NULL
          AND (lower(username) LIKE $1 OR lower(name) LIKE $1 OR lower(email) = $2)
        ORDER BY lower(username) LIKE $1 DESC, lower(username) LIMIT $3
        "#,
        format!("{escaped}%"),
        text.to_lowercase(),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(UserRef::from).collect())
}

/// The newest `limit` accounts, for the dialects that list everybody.
///
/// # Errors
/// If the database fails.
pub async fn list(db: impl PgExecutor<'_>, limit: u32) -> Result<Vec<User>, sqlx::Error> {
    // Ids of users are in the order of registration, so this reads no more than it returns.
    let rows = sqlx::query_as!(
        UserRow,
        r#"
        SELECT user_id, email, username, name, first_name, last_name, phone, avatar_url, bio, role,
               (banned_at IS NULL OR coalesce(banned_until <= now(), false)) AS "is_active!", created_at, updated_at
        FROM users WHERE deleted_at IS NULL ORDER BY user_id DESC LIMIT $1
        "#,
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(User::try_from).collect()
}

/// These accounts as they see themselves, in no order; unknown and deleted ones are left out.
///
/// # Errors
/// If the database fails.
pub async fn by_ids(db: impl PgExecutor<'_>, users: &[UserId]) -> Result<Vec<User>, sqlx::Error> {
    let rows = sqlx::query_as!(
        UserRow,
        r#"
        SELECT user_id, email, username, name, first_name, last_name, phone, avatar_url, bio, role,
               (banned_at IS NULL OR coalesce(banned_until <= now(), false)) AS "is_active!", created_at, updated_at
        FROM users WHERE user_id = ANY($1) AND deleted_at IS NULL
        "#,
        &crate::postgres::uuids(users),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(User::try_from).collect()
}
