//! What was refused, in the audit log: failed logins, tokens that are no good, acts that are not the caller's.
//!
//! Whoever is refused decides how often, so an address writes a bounded number of entries; and the log must not be a way
//! to keep others out, so an entry that can't be written is only said.

use std::net::IpAddr;
use std::time::Duration;

use chat_backends::postgres::audit::{self, NewEntry};
use chat_backends::redis::rate_limit::{FixedWindow, Verdict};
use chat_core::ids::UserId;
use chat_core::names;
use chat_core::time::Timestamp;

use super::AuthError;
use crate::app::App;

/// Entries of one address.
const ENTRIES: FixedWindow = FixedWindow {
    limit: 60,
    window: Duration::from_secs(60),
};

/// An attempt that failed.
pub(crate) struct Refused<'a> {
    /// What was tried, for example `auth.login_failed`.
    pub(crate) action: &'a str,
    /// Who tried, if that is certain.
    pub(crate) actor: Option<UserId>,
    /// Whose account it was about, if it exists.
    pub(crate) target: Option<UserId>,
    /// From where.
    pub(crate) ip: Option<IpAddr>,
}

/// Notes it.
pub(crate) async fn note(app: &App, refused: Refused<'_>) {
    if let Some(ip) = refused.ip {
        let key = names::throttle(&ip.to_string(), "audit");
        if let Ok(Verdict::Limited { .. }) = ENTRIES.hit(&app.context.redis, &key).await {
            return;
        }
    }
    let target = refused.target.map(|user| user.to_string());
    let ip = refused.ip.map(|ip| ip.to_string());
    let entry = NewEntry {
        at: Timestamp::now(),
        actor: refused.actor,
        action: refused.action,
        target: target.as_deref(),
        key: refused.target.map(UserId::uuid),
        ip: ip.as_deref(),
        details: serde_json::json!({}),
    };
    if let Err(error) = audit::write(&app.context.pg, &entry).await {
        tracing::warn!(%error, action = refused.action, "an entry of the audit log was not written");
    }
}

/// Notes a token that was refused. One that has only run out is no attempt at anything.
pub(crate) async fn token(app: &App, ip: IpAddr, error: AuthError) {
    let action = match error {
        AuthError::InvalidToken => "auth.token_invalid",
        AuthError::UserNotFound => "auth.token_of_nobody",
        AuthError::SessionRevoked => "auth.session_revoked",
        AuthError::Banned => "auth.banned",
        AuthError::NoToken | AuthError::TokenExpired | AuthError::Unavailable => return,
    };
    let refused = Refused {
        action,
        actor: None,
        target: None,
        ip: Some(ip),
    };
    note(app, refused).await;
}
