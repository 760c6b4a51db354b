//! Register, log in, refresh, log out: one account store behind every spelling of the routes.

use std::net::IpAddr;

use chat_backends::postgres::sessions::{self, NewSession, Rotation};
use chat_backends::postgres::users::{self, InsertUserError, Login, NewUser};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{SessionId, UserId};
use chat_core::protocol::objects::{User, UserRole};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use chat_processor::effects::{self, Effect, Target};
use chat_processor::failure::unavailable;
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::refusals::{self, Refused};
use super::registration::{Registrant, Registration, Username};
use super::{AuthError, Identity, refresh_token, throttle};
use crate::app::App;
use crate::http::caller::Caller;

/// How often a derived username makes room for one that is taken already.
const USERNAME_TRIES: usize = 5;

/// Longest `User-Agent` that is kept.
const USER_AGENT_CHARS: usize = 300;

/// Where a login comes from.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) ip: IpAddr,
    pub(crate) user_agent: Option<String>,
}

/// What a login or a refresh gives.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_in_secs: u64,
    pub(crate) user: User,
}

/// Who logs in: by email or by username.
#[derive(Debug, Deserialize)]
pub(crate) struct Credentials {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(deserialize_with = "super::password::deserialize")]
    password: SecretString,
}

/// Makes an account and logs it in.
pub(crate) async fn register(
    app: &App,
    registration: Registration,
    device: &Device,
) -> Result<Tokens, Refusal> {
    throttle::registration(app, device.ip).await?;
    let registrant = registration.check()?;
    let user = insert(app, registrant, UserRole::User).await?;
    open_session(app, user, device).await
}

/// Makes the first admin, unless an account has its email already.
pub(crate) async fn ensure_admin(
    app: &App,
    email: &str,
    password: &SecretString,
) -> Result<(), Refusal> {
    let registrant = Registration::of_admin(email, password.clone()).check()?;
    match insert(app, registrant, UserRole::Admin).await {
        Ok(user) => {
            tracing::info!(user = %user.id, "made the first admin");
            Ok(())
        }
        Err(refusal) if refusal.code == ErrorCode::EmailTaken => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

/// Logs in. An unknown account and a wrong password take the same time and give the same answer.
pub(crate) async fn login(
    app: &App,
    credentials: Credentials,
    device: &Device,
) -> Result<Tokens, Refusal> {
    let (name, login) = match (&credentials.email, &credentials.username) {
        // Forms with one field send whatever was typed as the email.
        (Some(email), _) => (email.trim(), Login::Either(email.trim())),
        (None, Some(username)) => (username.trim(), Login::Either(username.trim())),
        (None, None) => {
            return Err(Refusal::invalid(
                "email",
                "missing",
                "give an email or a username",
            ));
        }
    };
    let attempt = throttle::Attempt::new(app, device.ip, name);
    attempt.require_allowed().await?;
    // Postgres can't even be asked for a text with a NUL in it.
    let found = if name.len() > 512 || name.chars().any(char::is_control) {
        None
    } else {
        users::login_row(&app.context.pg, login)
            .await
            .map_err(|error| unavailable(&error))?
    };
    let hash = found.as_ref().map(|row| row.password_hash.clone());
    let found_id = found.as_ref().map(|row| row.user_id);
    let password = bounded(credentials.password);
    let matches = app
        .passwords
        .verify(password, hash)
        .await
        .map_err(AuthError::refusal)?;
    let Some(row) = found.filter(|_| matches) else {
        attempt.failed().await;
        let refused = Refused {
            action: "auth.login_failed",
            actor: None,
            target: found_id,
            ip: Some(device.ip),
        };
        refusals::note(app, refused).await;
        return Err(Refusal::new(
            ErrorCode::InvalidCredentials,
            "The account or the password is wrong.",
        ));
    };
    if row
        .ban
        .as_ref()
        .is_some_and(|ban| !ban.is_over(Timestamp::now()))
    {
        let refused = Refused {
            action: "auth.banned",
            actor: None,
            target: Some(row.user_id),
            ip: Some(device.ip),
        };
        refusals::note(app, refused).await;
        return Err(AuthError::Banned.refusal());
    }
    let user = profile(app, row.user_id).await?;
    open_session(app, user, device).await
}

/// Trades a refresh token for a new pair. A used one means that somebody has a copy: the whole session ends.
pub(crate) async fn refresh(app: &App, token: &str, device: &Device) -> Result<Tokens, Refusal> {
    let now = Timestamp::now();
    let successor = refresh_token::generate();
    let rotation = sessions::rotate(
        &app.context.pg,
        &refresh_token::hash(token),
        &refresh_token::hash(&successor),
        now + app.config.tokens.refresh_lifetime,
        now,
    )
    .await
    .map_err(|error| unavailable(&error))?;
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidToken, message));
    match rotation {
        Rotation::Rotated {
            user_id,
            session_id,
        } => {
            let user = profile(app, user_id).await?;
            if !user.is_active {
                return Err(AuthError::Banned.refusal());
            }
            tokens(app, user, session_id, successor, now)
        }
        Rotation::Reused {
            user_id,
            session_id,
        } => {
            tell_revoked(app, user_id, session_id).await;
            let refused = Refused {
                action: "auth.refresh_reused",
                actor: None,
                target: Some(user_id),
                ip: Some(device.ip),
            };
            refusals::note(app, refused).await;
            Err(Refusal::new(
                ErrorCode::RefreshReused,
                "This refresh token was used before. Its session is ended for safety; please log in again.",
            ))
        }
        Rotation::Revoked => Err(AuthError::SessionRevoked.refusal()),
        Rotation::Expired => Err(AuthError::TokenExpired.refusal()),
        Rotation::Unknown => {
            let refused = Refused {
                action: "auth.refresh_invalid",
                actor: None,
                target: None,
                ip: Some(device.ip),
            };
            refusals::note(app, refused).await;
            invalid("The refresh token is not valid.")
        }
    }
}

/// Ends a session: its tokens stop working, its sockets close.
pub(crate) async fn revoke(app: &App, user: UserId, session: SessionId) -> Result<bool, Refusal> {
    let revoked = sessions::revoke(&app.context.pg, user, session, Timestamp::now())
        .await
        .map_err(|error| unavailable(&error))?;
    if revoked {
        tell_revoked(app, user, session).await;
    }
    Ok(revoked)
}

/// Ends the caller's own session. A token that names none has nothing to end.
pub(crate) async fn logout(app: &App, caller: &Identity) -> Result<(), Refusal> {
    if let Some(session) = caller.session_id {
        revoke(app, caller.user_id, session).await?;
    }
    Ok(())
}

/// Tells all gateways, this one at once.
pub(crate) async fn tell_revoked(app: &App, user: UserId, session_id: SessionId) {
    app.authenticator.forget(user, Some(session_id));
    let event = ServerEvent::SessionRevoked { session_id };
    let Ok(effect) = Effect::new(Target::User(user), &event) else {
        return;
    };
    if let Err(error) = effects::publish(&app.context.redis, &[effect]).await {
        tracing::warn!(%error, session = %session_id, "a session was ended but its gateways were not told");
    }
}

/// Lets the holder of the account's password pass.
pub(crate) async fn require_password(
    app: &App,
    caller: &Caller,
    password: SecretString,
) -> Result<(), Refusal> {
    let user = caller.identity.user_id;
    let hash = users::password_hash(&app.context.pg, user)
        .await
        .map_err(|error| unavailable(&error))?;
    let matches = app.passwords.verify(bounded(password), hash).await;
    if matches.map_err(AuthError::refusal)? {
        Ok(())
    } else {
        let refused = Refused {
            action: "auth.password_wrong",
            actor: Some(user),
            target: Some(user),
            ip: Some(caller.ip),
        };
        refusals::note(app, refused).await;
        let message = "The password is wrong.";
        Err(Refusal::new(ErrorCode::InvalidCredentials, message))
    }
}

/// What is stored of a new password.
pub(crate) async fn hash(app: &App, password: SecretString) -> Result<String, Refusal> {
    app.passwords
        .hash(password)
        .await
        .map_err(AuthError::refusal)
}

/// The account of a user who was just authenticated.
pub(crate) async fn profile(app: &App, user: UserId) -> Result<User, Refusal> {
    users::by_id(&app.context.pg, user)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(|| AuthError::UserNotFound.refusal())
}

async fn insert(app: &App, registrant: Registrant, role: UserRole) -> Result<User, Refusal> {
    let password_hash = app
        .passwords
        .hash(registrant.password)
        .await
        .map_err(AuthError::refusal)?;
    let mut user = NewUser {
        id: UserId::now_v7(),
        email: registrant.email,
        username: String::new(),
        name: registrant.name,
        first_name: registrant.first_name,
        middle_name: registrant.middle_name,
        last_name: registrant.last_name,
        phone: registrant.phone,
        role,
        password_hash,
        created_at: Timestamp::now(),
    };
    let mut tries = match &registrant.username {
        Username::Given(_) => 1,
        Username::Derived(_) => USERNAME_TRIES,
    };
    let wanted = match registrant.username {
        Username::Given(name) | Username::Derived(name) => name,
    };
    user.username.clone_from(&wanted);
    loop {
        tries -= 1;
        match users::insert(&app.context.pg, &user).await {
            Ok(user) => return Ok(user),
            Err(InsertUserError::UsernameTaken) if tries > 0 => {
                user.username = format!("{wanted}{:06}", rand::rng().next_u32() % 1_000_000);
            }
            Err(InsertUserError::UsernameTaken) => {
                return Err(Refusal::new(
                    ErrorCode::UsernameTaken,
                    "This username is taken.",
                ));
            }
            Err(InsertUserError::EmailTaken) => {
                return Err(Refusal::new(
                    ErrorCode::EmailTaken,
                    "An account with this email exists already.",
                ));
            }
            Err(InsertUserError::Db(error)) => return Err(unavailable(&error)),
        }
    }
}

async fn open_session(app: &App, user: User, device: &Device) -> Result<Tokens, Refusal> {
    let now = Timestamp::now();
    let refresh = refresh_token::generate();
    let session = NewSession {
        id: SessionId::now_v7(),
        user_id: user.id,
        user_agent: device.user_agent.as_ref().map(|agent| {
            agent
                .chars()
                .filter(|c| !c.is_control())
                .take(USER_AGENT_CHARS)
                .collect()
        }),
        ip: Some(device.ip.to_string()),
        refresh_hash: refresh_token::hash(&refresh),
        refresh_expires_at: now + app.config.tokens.refresh_lifetime,
        created_at: now,
    };
    sessions::insert(&app.context.pg, &session)
        .await
        .map_err(|error| unavailable(&error))?;
    tokens(app, user, session.id, refresh, now)
}

fn tokens(
    app: &App,
    user: User,
    session: SessionId,
    refresh: String,
    now: Timestamp,
) -> Result<Tokens, Refusal> {
    let access = &app.authenticator.access_tokens;
    let access_token = access
        .sign(&user, session, now)
        .map_err(AuthError::refusal)?;
    Ok(Tokens {
        access_token,
        refresh_token: refresh,
        expires_in_secs: access.lifetime().as_secs(),
        user,
    })
}

/// Hashing costs time in proportion to its input; what is longer than any password is wrong anyway.
fn bounded(password: SecretString) -> SecretString {
    let text = password.expose_secret();
    if text.chars().count() <= *chat_core::limits::PASSWORD_CHARS.end() {
        return password;
    }
    SecretString::from("")
}
