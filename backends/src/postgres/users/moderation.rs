//! What admins do about accounts.

use chat_core::ids::UserId;
use chat_core::protocol::objects::{User, UserRole};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use super::UserRow;
use crate::postgres::names::Stored as _;

/// Gives an account a role; whether there is such an account.
///
/// # Errors
/// If the database fails.
pub async fn set_role(
    db: impl PgExecutor<'_>,
    user: UserId,
    role: UserRole,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE users SET role = $2, updated_at = $3 WHERE user_id = $1 AND deleted_at IS NULL",
        user.uuid(),
        role.name(),
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Bans an account until then, or for good; whether there is such an account.
///
/// # Errors
/// If the database fails.
pub async fn ban(
    db: impl PgExecutor<'_>,
    user: UserId,
    reason: &str,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        UPDATE users SET banned_at = $4, banned_until = $3, ban_reason = $2, updated_at = $4
        WHERE user_id = $1 AND deleted_at IS NULL
        "#,
        user.uuid(),
        reason,
        until.map(Timestamp::utc),
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a ban; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn unban(
    db: impl PgExecutor<'_>,
    user: UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        UPDATE users SET banned_at = NULL, banned_until = NULL, ban_reason = NULL, updated_at = $2
        WHERE user_id = $1 AND banned_at IS NOT NULL
        "#,
        user.uuid(),
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps an account from sending anywhere until then, or no longer with `None`; whether there is such an account.
///
/// # Errors
/// If the database fails.
pub async fn mute(
    db: impl PgExecutor<'_>,
    user: UserId,
    reason: Option<&str>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        UPDATE users SET muted_until = $3, mute_reason = $2, updated_at = $4
        WHERE user_id = $1 AND deleted_at IS NULL
        "#,
        user.uuid(),
        reason,
        until.map(Timestamp::utc),
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Where a page of accounts begins; everything empty is the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start {
    /// Only those before this one.
    pub before: Option<UserId>,
    /// Without the first so many of them.
    pub skip: u64,
}

/// Accounts for admins, the newest first; deleted ones are left out.
///
/// # Errors
/// If the database fails.
pub async fn page(
    db: impl PgExecutor<'_>,
    start: Start,
    limit: u32,
) -> Result<Vec<User>, sqlx::Error> {
    let rows = sqlx::query_as!(
        UserRow,
        r#"
        SELECT user_id, email, username, name, first_name, last_name, phone, avatar_url, bio, role,
               (banned_at IS NULL OR coalesce(banned_until <= now(), false)) AS "is_active!", created_at, updated_at
        FROM users WHERE deleted_at IS NULL AND ($1::uuid IS NULL OR user_id < $1)
        ORDER BY user_id DESC OFFSET $2 LIMIT $3
        "#,
        start.before.map(UserId::uuid),
        i64::try_from(start.skip).unwrap_or(i64::MAX),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(User::try_from).collect()
}

/// How many accounts there are, and how many of them are banned now.
///
/// # Errors
/// If the database fails.
pub async fn count(db: impl PgExecutor<'_>, now: Timestamp) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT count(*) AS "all!",
               count(*) FILTER (WHERE banned_at IS NOT NULL AND (banned_until IS NULL OR banned_until > $1)) AS "banned!"
        FROM users WHERE deleted_at IS NULL
        "#,
        now.utc(),
    )
    .fetch_one(db)
    .await?;
    Ok((row.all, row.banned))
}
