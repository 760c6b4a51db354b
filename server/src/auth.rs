//! Who is calling: tokens are verified here, then looked up, so that banned, deleted and logged-out users stay out.

pub(crate) mod accounts;
pub(crate) mod jwt;
pub(crate) mod password;
pub(crate) mod refresh_token;
pub(crate) mod refusals;
pub(crate) mod registration;
pub(crate) mod throttle;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chat_backends::postgres::users::AuthState;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{SessionId, UserId};
use chat_core::protocol::objects::UserRole;
use chat_core::time::Timestamp;

use self::jwt::{AccessTokens, Verified};
use crate::batched::Batched;

/// How long an answer of the database is believed. Revocations reach sockets sooner, through the user's channel.
const STATE_IS_FRESH: Duration = Duration::from_secs(5);

/// Most remembered answers; a full memory is emptied, which costs one query each.
const MOST_STATES: usize = 50_000;

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("No token provided")]
    NoToken,
    #[error("Invalid token")]
    InvalidToken,
    #[error("Token expired")]
    TokenExpired,
    #[error("Session revoked")]
    SessionRevoked,
    #[error("User not found")]
    UserNotFound,
    #[error("Account banned")]
    Banned,
    /// Nobody can say: a store or the hashing pool did not answer.
    #[error("Unavailable")]
    Unavailable,
}

impl AuthError {
    /// Something did not answer: logged here, where it is handled.
    pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(error, "authentication is unavailable");
        Self::Unavailable
    }

    /// The refusal over REST and in acks. An unknown user is nobody's business there.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::NoToken => Refusal::new(ErrorCode::Unauthenticated, "Please log in."),
            Self::InvalidToken | Self::UserNotFound => {
                Refusal::new(ErrorCode::InvalidToken, "The token is not valid.")
            }
            Self::TokenExpired => Refusal::new(ErrorCode::TokenExpired, "The token has expired."),
            Self::SessionRevoked => {
                Refusal::new(ErrorCode::SessionRevoked, "This session was ended.")
            }
            Self::Banned => Refusal::new(ErrorCode::AccountBanned, "This account is banned."),
            Self::Unavailable => Refusal::new(
                ErrorCode::Unavailable,
                "The service can't do this right now. Please try again in a moment.",
            )
            .retry_after(Duration::from_secs(1)),
        }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    /// The user.
    pub(crate) user_id: UserId,
    /// The session, if the token names one.
    pub(crate) session_id: Option<SessionId>,
    /// The role now, whatever the token says.
    pub(crate) role: UserRole,
    /// When the token expires.
    pub(crate) expires_at: Timestamp,
}

/// Verifies tokens and remembers for a moment who may still act.
pub(crate) struct Authenticator {
    pub(crate) access_tokens: AccessTokens,
    stored: Batched<(UserId, Option<SessionId>), Option<AuthState>>,
    states: Mutex<HashMap<(UserId, Option<SessionId>), Remembered>>,
}

#[derive(Clone, Copy)]
struct Remembered {
    standing: Result<UserRole, AuthError>,
    since: Instant,
}

impl Authenticator {
    pub(crate) fn new(
        access_tokens: AccessTokens,
        stored: Batched<(UserId, Option<SessionId>), Option<AuthState>>,
    ) -> Self {
        Self {
            access_tokens,
            stored,
            states: Mutex::default(),
        }
    }

    /// The caller whom `token` names, if it may act.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Identity, AuthError> {
        let verified = self.access_tokens.verify(token)?;
        let role = self.standing(&verified).await?;
        Ok(Identity {
            user_id: verified.user_id,
            session_id: verified.session_id,
            role,
            expires_at: verified.expires_at,
        })
    }

    /// Forgets what is remembered of a session, because it was just revoked.
    pub(crate) fn forget(&self, user: UserId, session: Option<SessionId>) {
        self.lock().remove(&(user, session));
    }

    async fn standing(&self, verified: &Verified) -> Result<UserRole, AuthError> {
        let key = (verified.user_id, verified.session_id);
        let remembered = self.lock().get(&key).copied();
        if let Some(remembered) = remembered
            && remembered.since.elapsed() < STATE_IS_FRESH
        {
            return remembered.standing;
        }
        let stored = self.stored.get(key).await;
        let state = stored.map_err(|error| AuthError::unavailable(&error))?;
        let standing = judge(state.as_ref(), Timestamp::now());
        let mut states = self.lock();
        if states.len() >= MOST_STATES {
            states.clear();
        }
        let since = Instant::now();
        states.insert(key, Remembered { standing, since });
        standing
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(UserId, Option<SessionId>), Remembered>> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.states
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn judge(state: Option<&AuthState>, now: Timestamp) -> Result<UserRole, AuthError> {
    let Some(state) = state.filter(|state| !state.deleted) else {
        return Err(AuthError::UserNotFound);
    };
    if state.ban.as_ref().is_some_and(|ban| !ban.is_over(now)) {
        return Err(AuthError::Banned);
    }
    if state.session_revoked {
        return Err(AuthError::SessionRevoked);
    }
    Ok(state.role)
}

/// Takes the optional `Bearer ` off a token.
pub(crate) fn bare(token: &str) -> &str {
    let token = token.trim();
    match token.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim_start(),
        _ => token,
    }
}

#[cfg(test)]
mod tests {
    use chat_backends::postgres::users::Ban;

    use super::*;

    fn state() -> AuthState {
        AuthState {
            role: UserRole::User,
            deleted: false,
            ban: None,
            session_revoked: false,
        }
    }

    #[test]
    fn deleted_banned_and_logged_out_users_stay_out() {
        let now = Timestamp::now();
        assert_eq!(judge(Some(&state()), now), Ok(UserRole::User));
        assert_eq!(judge(None, now), Err(AuthError::UserNotFound));
        let deleted = AuthState {
            deleted: true,
            ..state()
        };
        assert_eq!(judge(Some(&deleted), now), Err(AuthError::UserNotFound));
        let banned = AuthState {
            ban: Some(Ban { until: None }),
            ..state()
        };
        assert_eq!(judge(Some(&banned), now), Err(AuthError::Banned));
        let ban_is_over = AuthState {
            ban: Some(Ban { until: Some(now) }),
            ..state()
        };
        assert_eq!(judge(Some(&ban_is_over), now), Ok(UserRole::User));
        let revoked = AuthState {
            session_revoked: true,
            ..state()
        };
        assert_eq!(judge(Some(&revoked), now), Err(AuthError::SessionRevoked));
    }

    #[test]
    fn a_token_may_carry_its_scheme_or_not() {
        assert_eq!(bare("Bearer abc"), "abc");
        assert_eq!(bare("bearer  abc "), "abc");
        assert_eq!(bare("abc"), "abc");
        assert_eq!(bare("béarer"), "béarer");
    }
}
