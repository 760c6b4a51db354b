//! Friendships and the requests that begin them.

use chat_core::ids::{FriendRequestId, UserId};
use chat_core::protocol::objects::{FriendRequest, FriendRequestStatus, UserRef};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use super::names;
use super::users::UserRefRow;

/// What came of asking for a friendship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The request is open now.
    Open,
    /// One of the two has asked before.
    Pending,
    /// They are friends already.
    Friends,
}

/// Opens a request under the id `request`, unless the two are friends or one of them has asked before.
///
/// # Errors
/// If the database fails.
pub async fn ask(
    conn: &mut PgConnection,
    request: FriendRequestId,
    from: UserId,
    to: UserId,
    now: Timestamp,
) -> Result<Asked, sqlx::Error> {
    if are_friends(&mut *conn, from, to).await? {
        return Ok(Asked::Friends);
    }
    let done = sqlx::query!(
        r#"
        INSERT INTO friend_requests (request_id, from_id, to_id, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        "#,
        request.uuid(),
        from.uuid(),
        to.uuid(),
        now.utc(),
    )
    .execute(conn)
    .await?;
    Ok(if done.rows_affected() > 0 {
        Asked::Open
    } else {
        Asked::Pending
    })
}

/// Answers an open request; whether there was one. Accepting makes the two friends.
///
/// # Errors
/// If the database fails.
pub async fn answer(
    db: impl PgExecutor<'_>,
    request: FriendRequestId,
    accepted: bool,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let answered = sqlx::query_scalar!(
        r#"
        WITH answered AS (
            UPDATE friend_requests SET status = CASE WHEN $2 THEN 'accepted' ELSE 'refused' END, answered_at = $3
            WHERE request_id = $1 AND status = 'pending' RETURNING from_id, to_id
        ), friends AS (
            INSERT INTO friendships (user_id, friend_id, since)
            SELECT from_id, to_id, $3 FROM answered WHERE $2 UNION ALL SELECT to_id, from_id, $3 FROM answered WHERE $2
            ON CONFLICT (user_id, friend_id) DO NOTHING
        )
        SELECT from_id FROM answered
        "#,
        request.uuid(),
        accepted,
        now.utc(),
    )
    .fetch_optional(db)
    .await?;
    Ok(answered.is_some())
}

/// Takes an open request back; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn cancel(
    db: impl PgExecutor<'_>,
    request: FriendRequestId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM friend_requests WHERE request_id = $1 AND status = 'pending'",
        request.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a friendship; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn remove(
    db: impl PgExecutor<'_>,
    one: UserId,
    other: UserId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM friendships
        WHERE (user_id = $1 AND friend_id = $2) OR (user_id = $2 AND friend_id = $1)
        "#,
        one.uuid(),
        other.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether the two are friends.
///
/// # Errors
/// If the database fails.
pub async fn are_friends(
    db: impl PgExecutor<'_>,
    one: UserId,
    other: UserId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM friendships WHERE user_id = $1 AND friend_id = $2) AS "friends!""#,
        one.uuid(),
        other.uuid(),
    )
    .fetch_one(db)
    .await
}

/// The ids of a user's friends.
///
/// # Errors
/// If the database fails.
pub async fn ids(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<UserId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT friend_id FROM friendships WHERE user_id = $1",
        user.uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(UserId::from).collect())
}

/// The ids of the friends of many users, in the order of the users.
///
/// # Errors
/// If the database fails.
pub async fn ids_of_each(
    db: impl PgExecutor<'_>,
    users: &[UserId],
) -> Result<Vec<Vec<UserId>>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT user_id, friend_id FROM friendships WHERE user_id = ANY($1)",
        &super::uuids(users),
    )
    .fetch_all(db)
    .await?;
    let pairs = rows
        .iter()
        .map(|row| (row.user_id.into(), row.friend_id.into()));
    Ok(super::of_each(users, pairs))
}

/// A user's friends, by username.
///
/// # Errors
/// If the database fails.
pub async fn list(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<UserRef>, sqlx::Error> {
    let rows = sqlx::query_as!(
        UserRefRow,
        r#"
        SELECT u.user_id, u.username, u.name, u.avatar_url
        FROM friendships f JOIN users u ON u.user_id = f.friend_id
        WHERE f.user_id = $1 AND u.deleted_at IS NULL ORDER BY lower(u.username)
        "#,
        user.uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(UserRef::from).collect())
}

/// The request with this id, whatever its status.
///
/// # Errors
/// If the database fails.
pub async fn request(
    db: impl PgExecutor<'_>,
    request: FriendRequestId,
) -> Result<Option<FriendRequest>, sqlx::Error> {
    Ok(requests(db, Some(request), None, None).await?.pop())
}

/// The open requests to or from a user, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn open_requests(
    db: impl PgExecutor<'_>,
    user: UserId,
) -> Result<Vec<FriendRequest>, sqlx::Error> {
    requests(db, None, Some(user), Some(FriendRequestStatus::Pending)).await
}

/// The requests to or from a user, answered ones too, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn all_requests(
    db: impl PgExecutor<'_>,
    user: UserId,
) -> Result<Vec<FriendRequest>, sqlx::Error> {
    requests(db, None, Some(user), None).await
}

async fn requests(
    db: impl PgExecutor<'_>,
    request: Option<FriendRequestId>,
    user: Option<UserId>,
    status: Option<FriendRequestStatus>,
) -> Result<Vec<FriendRequest>, sqlx::Error> {
    use super::names::Stored as _;

    let rows = sqlx::query!(
        r#"
        SELECT q.request_id, q.status, q.created_at,
               a.user_id AS from_id, a.username AS from_username, a.name AS from_name, a.avatar_url AS from_avatar,
               b.user_id AS to_id, b.username AS to_username, b.name AS to_name, b.avatar_url AS to_avatar
        FROM friend_requests q
        JOIN users a ON a.user_id = q.from_id
        JOIN users b ON b.user_id = q.to_id
        WHERE (q.request_id = $1 OR q.from_id = $2 OR q.to_id = $2) AND ($3::text IS NULL OR q.status = $3)
        ORDER BY q.created_at DESC, q.request_id LIMIT 1000
        "#,
        request.map(FriendRequestId::uuid),
        user.map(UserId::uuid),
        status.map(FriendRequestStatus::name),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(FriendRequest {
                id: row.request_id.into(),
                from: UserRef {
                    id: row.from_id.into(),
                    username: row.from_username,
                    name: row.from_name,
                    avatar_url: row.from_avatar,
                },
                to: UserRef {
                    id: row.to_id.into(),
                    username: row.to_username,
                    name: row.to_name,
                    avatar_url: row.to_avatar,
                },
                status: names::read("status", &row.status)?,
                created_at: row.created_at.into(),
            })
        })
        .collect()
}
