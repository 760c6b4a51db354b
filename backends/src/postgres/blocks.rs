//! Who blocked whom.

use chat_core::ids::UserId;
use chat_core::protocol::objects::UserRef;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

/// Blocks `blocked` and ends the two's friendship and open requests; whether the block is new.
///
/// # Errors
/// If the database fails.
pub async fn add(
    db: impl PgExecutor<'_>,
    blocker: UserId,
    blocked: UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let added = sqlx::query_scalar!(
        r#"
        WITH friendship_gone AS (
            DELETE FROM friendships
            WHERE (user_id = $1 AND friend_id = $2) OR (user_id = $2 AND friend_id = $1)
        ), requests_gone AS (
            DELETE FROM friend_requests
            WHERE status = 'pending' AND LEAST(from_id, to_id) = LEAST($1, $2)
              AND GREATEST(from_id, to_id) = GREATEST($1, $2)
        )
        INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (blocker_id, blocked_id) DO NOTHING
        RETURNING blocked_id
        "#,
        blocker.uuid(),
        blocked.uuid(),
        now.utc(),
    )
    .fetch_optional(db)
    .await?;
    Ok(added.is_some())
}

/// Ends a block; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn remove(
    db: impl PgExecutor<'_>,
    blocker: UserId,
    blocked: UserId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2",
        blocker.uuid(),
        blocked.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Those whom `blocker` blocked, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn list(db: impl PgExecutor<'_>, blocker: UserId) -> Result<Vec<UserRef>, sqlx::Error> {
    let rows = sqlx::query_as!(
        super::users::UserRefRow,
        r#"
        SELECT u.user_id, u.username, u.name, u.avatar_url
        FROM blocks b JOIN users u ON u.user_id = b.blocked_id
        WHERE b.blocker_id = $1 ORDER BY b.created_at DESC, u.user_id
        "#,
        blocker.uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(UserRef::from).collect())
}

/// Which of `others` have a block with `user`, whoever made it.
///
/// # Errors
/// If the database fails.
pub async fn between(
    db: impl PgExecutor<'_>,
    user: UserId,
    others: &[UserId],
) -> Result<Vec<UserId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT blocked_id AS "other!" FROM blocks WHERE blocker_id = $1 AND blocked_id = ANY($2)
        UNION
        SELECT blocker_id FROM blocks WHERE blocked_id = $1 AND blocker_id = ANY($2)
        "#,
        user.uuid(),
        &super::uuids(others),
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(UserId::from).collect())
}

/// Everybody with whom each of `users` has a block, whoever made it, in the order of the users.
///
/// # Errors
/// If the database fails.
pub async fn of_each(
    db: impl PgExecutor<'_>,
    users: &[UserId],
) -> Result<Vec<Vec<UserId>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT blocker_id AS "user!", blocked_id AS "other!" FROM blocks WHERE blocker_id = ANY($1)
        UNION
        SELECT blocked_id, blocker_id FROM blocks WHERE blocked_id = ANY($1)
        "#,
        &super::uuids(users),
    )
    .fetch_all(db)
    .await?;
    let pairs = rows.iter().map(|row| (row.user.into(), row.other.into()));
    Ok(super::of_each(users, pairs))
}

/// Which of `others` blocked `user`: to them the user is always offline.
///
/// # Errors
/// If the database fails.
pub async fn blockers_of(
    db: impl PgExecutor<'_>,
    user: UserId,
    others: &[UserId],
) -> Result<Vec<UserId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT blocker_id FROM blocks WHERE blocked_id = $1 AND blocker_id = ANY($2)",
        user.uuid(),
        &super::uuids(others),
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(UserId::from).collect())
}
