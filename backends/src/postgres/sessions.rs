//! Logins and their refresh tokens: single use, rotated, and the whole session revoked when a used one comes back.

use chat_core::ids::{SessionId, UserId};
use chat_core::time::Timestamp;
use sqlx::{PgExecutor, PgPool};

/// SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// A login to remember, with its first refresh token.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Id of the session, the `sid` of its access tokens.
    pub id: SessionId,
    /// Whose login it is.
    pub user_id: UserId,
    /// The client's `User-Agent`, cut by the caller.
    pub user_agent: Option<String>,
    /// The client's address.
    pub ip: Option<String>,
    /// Hash of the refresh token.
    pub refresh_hash: TokenHash,
    /// Until when the refresh token can be used.
    pub refresh_expires_at: Timestamp,
    /// Now.
    pub created_at: Timestamp,
}

/// A login as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Session {
    pub id: SessionId,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
}

/// What came of presenting a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The token was good and is used now; the new one is stored.
    Rotated {
        /// Whose session it is.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
    },
    /// The token had been used before: somebody has a copy. The session is revoked now.
    Reused {
        /// Whose session it was.
        user_id: UserId,
        /// The session that is revoked now, if it was not before.
        session_id: SessionId,
    },
    /// The session was revoked before.
    Revoked,
    /// The token is too old.
    Expired,
    /// There is no such token.
    Unknown,
}

/// Remembers a login.
///
/// # Errors
/// If the database fails.
pub async fn insert(db: impl PgExecutor<'_>, session: &NewSession) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        WITH session AS (
            INSERT INTO sessions (session_id, user_id, user_agent, ip, created_at, last_seen_at)
            VALUES ($1, $2, $3, $4, $5, $5)
        )
        INSERT INTO refresh_tokens (token_hash, session_id, issued_at, expires_at) VALUES ($6, $1, $5, $7)
        "#,
        session.id.uuid(),
        session.user_id.uuid(),
        session.user_agent,
        session.ip,
        session.created_at.utc(),
        session.refresh_hash.as_slice(),
        session.refresh_expires_at.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Uses a refresh token up and stores its successor. Of two callers with the same token one rotates, the other
/// finds it used.
///
/// # Errors
/// If the database fails; then nothing has changed.
pub async fn rotate(
    pool: &PgPool,
    presented: &TokenHash,
    successor: &TokenHash,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<Rotation, sqlx::Error> {
    let mut tx = pool.begin().await?;
    // The locks make a second caller wait here, and see the first one's use once it may go on.
    let found = sqlx::query!(
        r#"
        SELECT t.session_id, t.expires_at, t.used_at, s.user_id, s.revoked_at
        FROM refresh_tokens t JOIN sessions s ON s.session_id = t.session_id
        WHERE t.token_hash = $1 FOR UPDATE OF t, s
        "#,
        presented.as_slice(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(token) = found else {
        return Ok(Rotation::Unknown);
    };
    let (user_id, session_id) = (token.user_id.into(), token.session_id.into());
    if token.used_at.is_some() {
        revoke(&mut *tx, user_id, session_id, now).await?;
        tx.commit().await?;
        return Ok(Rotation::Reused {
            user_id,
            session_id,
        });
    }
    if token.revoked_at.is_some() {
        return Ok(Rotation::Revoked);
    }
    if token.expires_at <= now.utc() {
        return Ok(Rotation::Expired);
    }
    sqlx::query!(
        r#"
        WITH used AS (UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1),
             seen AS (UPDATE sessions SET last_seen_at = $2 WHERE session_id = $3)
        INSERT INTO refresh_tokens (token_hash, session_id, issued_at, expires_at) VALUES ($4, $3, $2, $5)
        "#,
        presented.as_slice(),
        now.utc(),
        token.session_id,
        successor.as_slice(),
        expires_at.utc(),
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Rotation::Rotated {
        user_id,
        session_id,
    })
}

/// Revokes one session of `user`; whether there was one to revoke.
///
/// # Errors
/// If the database fails.
pub async fn revoke(
    db: impl PgExecutor<'_>,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $3 WHERE session_id = $1 AND user_id = $2 AND revoked_at IS NULL",
        session.uuid(),
        user.uuid(),
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Revokes every session of `user` but `keep`; returns those that were revoked now.
///
/// # Errors
/// If the database fails.
pub async fn revoke_all(
    db: impl PgExecutor<'_>,
    user: UserId,
    keep: Option<SessionId>,
    now: Timestamp,
) -> Result<Vec<SessionId>, sqlx::Error> {
    let revoked = sqlx::query_scalar!(
        r#"
        UPDATE sessions SET revoked_at = $3
        WHERE user_id = $1 AND revoked_at IS NULL AND session_id IS DISTINCT FROM $2::uuid
        RETURNING session_id
        "#,
        user.uuid(),
        keep.map(SessionId::uuid),
        now.utc(),
    )
    .fetch_all(db)
    .await?;
    Ok(revoked.into_iter().map(SessionId::from).collect())
}

/// The sessions of `user` that can still be used, the latest seen first.
///
/// # Errors
/// If the database fails.
pub async fn list(
    db: impl PgExecutor<'_>,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT session_id, user_agent, ip, created_at, last_seen_at FROM sessions s
        WHERE user_id = $1 AND revoked_at IS NULL
          AND EXISTS (SELECT FROM refresh_tokens t
                      WHERE t.session_id = s.session_id AND t.used_at IS NULL AND t.expires_at > $2)
        ORDER BY last_seen_at DESC, session_id
        "#,
        user.uuid(),
        now.utc(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Session {
            id: row.session_id.into(),
            user_agent: row.user_agent,
            ip: row.ip,
            created_at: row.created_at.into(),
            last_seen_at: row.last_seen_at.into(),
        })
        .collect())
}

/// Forgets refresh tokens that expired before `before`, and sessions that have none left; returns how many tokens.
///
/// # Errors
/// If the database fails.
pub async fn prune(db: impl PgExecutor<'_>, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        WITH gone AS (
            DELETE FROM sessions s WHERE created_at < $1
            AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.session_id = s.session_id AND t.expires_at >= $1)
        )
        DELETE FROM refresh_tokens WHERE expires_at < $1
        "#,
        before.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
