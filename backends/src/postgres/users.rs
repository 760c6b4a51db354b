//! Accounts: their profile, their password's hash and what keeps them out.

mod directory;
mod moderation;
mod profile;

use chat_core::ids::{SessionId, UserId};
use chat_core::protocol::objects::{User, UserRef, UserRole};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use super::names::{self, Stored as _};
pub use directory::{by_ids, existing, list, refs, search};
pub use moderation::{Start, ban, count, mute, page, set_role, unban};
pub use profile::{DmPolicy, UserPatch, erase, open_to_dm, password_hash, set_password, update};

/// An account to make; everything is checked and sanitised already.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members are those of the registration")]
pub struct NewUser {
    pub id: UserId,
    pub email: String,
    pub username: String,
    pub name: String,
    pub first_name: String,
    pub middle_name: String,
    pub last_name: String,
    pub phone: Option<String>,
    pub role: UserRole,
    /// PHC string of argon2id.
    pub password_hash: String,
    pub created_at: Timestamp,
}

/// Why an account can't be made.
#[derive(Debug, thiserror::Error)]
pub enum InsertUserError {
    /// Another account has the email, in whatever case.
    #[error("the email is taken")]
    EmailTaken,
    /// Another account has the username, in whatever case.
    #[error("the username is taken")]
    UsernameTaken,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] sqlx::Error),
}

/// What a client may name an account by to log in.
#[derive(Debug, Clone, Copy)]
pub enum Login<'a> {
    /// By email, case-insensitively.
    Email(&'a str),
    /// By username, case-insensitively.
    Username(&'a str),
    /// By either, the email first.
    Either(&'a str),
}

/// What a login is checked against.
#[derive(Clone)]
pub struct LoginRow {
    /// Whose account it is.
    pub user_id: UserId,
    /// PHC string of argon2id.
    pub password_hash: String,
    /// Until when the account is banned; [`Ban::is_over`] tells whether it still holds.
    pub ban: Option<Ban>,
}

/// A ban from the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Its end; `None`: for good.
    pub until: Option<Timestamp>,
}

impl Ban {
    /// Whether the ban ended before `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Whether a token's holder may still act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthState {
    /// Role now, whatever the token says.
    pub role: UserRole,
    /// The account was deleted.
    pub deleted: bool,
    /// The account's ban, over or not.
    pub ban: Option<Ban>,
    /// The session was revoked, or never existed. `false` for tokens without a session.
    pub session_revoked: bool,
}

struct UserRow {
    user_id: uuid::Uuid,
    email: Option<String>,
    username: String,
    name: String,
    first_name: String,
    last_name: String,
    phone: Option<String>,
    avatar_url: Option<String>,
    bio: String,
    role: String,
    is_active: bool,
    created_at: chrono::DateTime<chrono::Utc>,
    updated_at: chrono::DateTime<chrono::Utc>,
}

impl TryFrom<UserRow> for User {
    type Error = sqlx::Error;

    fn try_from(row: UserRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.user_id.into(),
            user_id: row.user_id.into(),
            email: row.email,
            username: row.username,
            name: row.name,
            first_name: row.first_name,
            last_name: row.last_name,
            phone: row.phone,
            avatar_url: row.avatar_url,
            bio: row.bio,
            role: names::read("role", &row.role)?,
            is_active: row.is_active,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        })
    }
}

/// Makes an account.
///
/// # Errors
/// [`InsertUserError`] says which of the unique names is taken.
pub async fn insert(db: impl PgExecutor<'_>, user: &NewUser) -> Result<User, InsertUserError> {
    let inserted = sqlx::query_as!(
        UserRow,
        r#"
        INSERT INTO users (user_id, email, username, name, first_name, middle_name, last_name, phone, role,
                           password_hash, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
        RETURNING user_id, email, username, name, first_name, last_name, phone, avatar_url, bio, role,
                  true AS "is_active!", created_at, updated_at
        "#,
        user.id.uuid(),
        user.email,
        user.username,
        user.name,
        user.first_name,
        user.middle_name,
        user.last_name,
        user.phone,
        user.role.name(),
        user.password_hash,
        user.created_at.utc(),
    )
    .fetch_one(db)
    .await;
    match inserted {
        Ok(row) => Ok(User::try_from(row)?),
        Err(error) => Err(match super::violated(&error) {
            Some("users_email_key") => InsertUserError::EmailTaken,
            Some("users_username_key") => InsertUserError::UsernameTaken,
            _ => InsertUserError::Db(error),
        }),
    }
}

/// The account as it sees itself, with email and phone; `None` if there is none or it is deleted.
///
/// # Errors
/// If the database fails.
pub async fn by_id(db: impl PgExecutor<'_>, user: UserId) -> Result<Option<User>, sqlx::Error> {
    sqlx::query_as!(
        UserRow,
        r#"
        SELECT user_id, email, username, name, first_name, last_name, phone, avatar_url, bio, role,
               (banned_at IS NULL OR coalesce(banned_until <= now(), false)) AS "is_active!", created_at, updated_at
        FROM users WHERE user_id = $1 AND deleted_at IS NULL
        "#,
        user.uuid(),
    )
    .fetch_optional(db)
    .await?
    .map(User::try_from)
    .transpose()
}

/// What a login with this name is checked against; `None` if nobody has it.
///
/// # Errors
/// If the database fails.
pub async fn login_row(
    db: impl PgExecutor<'_>,
    login: Login<'_>,
) -> Result<Option<LoginRow>, sqlx::Error> {
    let (email, username) = match login {
        Login::Email(email) => (Some(email), None),
        Login::Username(username) => (None, Some(username)),
        Login::Either(name) => (Some(name), Some(name)),
    };
    let row = sqlx::query!(
        r#"
        SELECT user_id AS "user_id!", password_hash AS "password_hash!", banned_at, banned_until
        FROM (
            SELECT 1 AS place, user_id, password_hash, banned_at, banned_until
            FROM users WHERE lower(email) = lower($1::text) AND deleted_at IS NULL
            UNION ALL
            SELECT 2, user_id, password_hash, banned_at, banned_until
            FROM users WHERE lower(username) = lower($2::text) AND deleted_at IS NULL
        ) AS named
        ORDER BY place LIMIT 1
        "#,
        email,
        username,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| LoginRow {
        user_id: row.user_id.into(),
        password_hash: row.password_hash,
        ban: ban_of(row.banned_at, row.banned_until),
    }))
}

/// Whether the holder of a token may still act; `None` if the account never existed.
///
/// # Errors
/// If the database fails.
pub async fn auth_state(
    db: impl PgExecutor<'_>,
    user: UserId,
    session: Option<SessionId>,
) -> Result<Option<AuthState>, sqlx::Error> {
    let states = auth_states(db, &[(user, session)]).await?;
    Ok(states.into_iter().next().flatten())
}

/// The same for many at once, in their order.
///
/// # Errors
/// If the database fails.
pub async fn auth_states(
    db: impl PgExecutor<'_>,
    asked: &[(UserId, Option<SessionId>)],
) -> Result<Vec<Option<AuthState>>, sqlx::Error> {
    let users: Vec<uuid::Uuid> = asked.iter().map(|(user, _)| user.uuid()).collect();
    let sessions: Vec<Option<uuid::Uuid>> = asked
        .iter()
        .map(|(_, session)| session.map(SessionId::uuid))
        .collect();
    let rows = sqlx::query!(
        r#"
        SELECT asked.place AS "place!", u.role, u.deleted_at IS NOT NULL AS "deleted!", u.banned_at, u.banned_until,
               asked.session_id IS NOT NULL AND NOT EXISTS (
                   SELECT FROM sessions s
                   WHERE s.session_id = asked.session_id AND s.user_id = asked.user_id AND s.revoked_at IS NULL
               ) AS "session_revoked!"
        FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked (user_id, session_id, place)
        JOIN users u ON u.user_id = asked.user_id
        "#,
        &users,
        &sessions as &[Option<uuid::Uuid>],
    )
    .fetch_all(db)
    .await?;
    let mut states = vec![None; asked.len()];
    for row in rows {
        let place = usize::try_from(row.place - 1).unwrap_or(usize::MAX);
        if let Some(state) = states.get_mut(place) {
            *state = Some(AuthState {
                role: names::read("role", &row.role)?,
                deleted: row.deleted,
                ban: ban_of(row.banned_at, row.banned_until),
                session_revoked: row.session_revoked,
            });
        }
    }
    Ok(states)
}

fn ban_of(
    banned_at: Option<chrono::DateTime<chrono::Utc>>,
    until: Option<chrono::DateTime<chrono::Utc>>,
) -> Option<Ban> {
    banned_at.map(|_| Ban {
        until: until.map(Timestamp::from),
    })
}

/// The short form of an account as several stores select it.
pub(super) struct UserRefRow {
    pub(super) user_id: uuid::Uuid,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) avatar_url: Option<String>,
}

impl From<UserRefRow> for UserRef {
    fn from(row: UserRefRow) -> Self {
        Self {
            id: row.user_id.into(),
            username: row.username,
            name: row.name,
            avatar_url: row.avatar_url,
        }
    }
}
