//! Rate limits at the edge (the wire contract, §1.6). The message bucket is the send command's own.
//!
//! While Redis is away nobody is limited: the chat goes on.

use std::net::IpAddr;
use std::time::Duration;

use chat_backends::redis::RedisError;
use chat_backends::redis::rate_limit::{FixedWindow, TokenBucket, Verdict};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{RoomId, UserId};
use chat_core::names;

use crate::app::App;

const MINUTE: Duration = Duration::from_secs(60);

const FAILED_LOGINS: FixedWindow = FixedWindow {
    limit: 10,
    window: MINUTE,
};
const REGISTRATIONS: FixedWindow = FixedWindow {
    limit: 300,
    window: MINUTE,
};
const REST_WRITES: FixedWindow = FixedWindow {
    limit: 600,
    window: MINUTE,
};
const REST_READS: FixedWindow = FixedWindow {
    limit: 1200,
    window: MINUTE,
};
const SIGNALS: FixedWindow = FixedWindow {
    limit: 5,
    window: Duration::from_secs(5),
};
const EVENTS: TokenBucket = TokenBucket {
    burst: 200,
    per_second: 40.0,
};

/// A login that is about to be tried.
pub(crate) struct Attempt<'a> {
    app: &'a App,
    key: String,
}

impl<'a> Attempt<'a> {
    /// An attempt from `ip` at the account called `name`, which may be of any length and form.
    pub(crate) fn new(app: &'a App, ip: IpAddr, name: &str) -> Self {
        use sha2::{Digest, Sha256};
        let name = hex::encode(&Sha256::digest(name.to_lowercase().as_bytes())[..8]);
        let key = names::throttle(&format!("{ip}:{name}"), "login");
        Self { app, key }
    }

    /// Refuses after too many failures, whatever the password.
    pub(crate) async fn require_allowed(&self) -> Result<(), Refusal> {
        let verdict = FAILED_LOGINS.peek(&self.app.context.redis, &self.key).await;
        require(self.app, "login", verdict)
    }

    /// Counts a failure.
    pub(crate) async fn failed(&self) {
        if let Err(error) = FAILED_LOGINS.hit(&self.app.context.redis, &self.key).await {
            tracing::warn!(%error, "a failed login was not counted");
        }
    }
}

/// Refuses too many registrations from one address.
pub(crate) async fn registration(app: &App, ip: IpAddr) -> Result<(), Refusal> {
    let key = names::throttle(&ip.to_string(), "register");
    let verdict = REGISTRATIONS.hit(&app.context.redis, &key).await;
    require(app, "register", verdict)
}

/// Refuses too many requests of one user to one route.
pub(crate) async fn rest(app: &App, user: UserId, route: &str, reads: bool) -> Result<(), Refusal> {
    let (window, kind) = if reads {
        (REST_READS, "read")
    } else {
        (REST_WRITES, "write")
    };
    let key = names::throttle(&user.to_string(), &format!("{kind}:{route}"));
    let verdict = window.hit(&app.context.redis, &key).await;
    require(app, "rest", verdict)
}

/// Refuses too many socket events of one user.
pub(crate) async fn event(app: &App, user: UserId) -> Result<(), Refusal> {
    let key = names::throttle(&user.to_string(), "event");
    let verdict = EVENTS.take(&app.context.redis, &key).await;
    require(app, "event", verdict)
}

/// Whether a typing signal may pass; the excess is dropped without an error.
pub(crate) async fn typing_passes(app: &App, user: UserId, room: RoomId) -> bool {
    let key = names::throttle(&user.to_string(), &format!("typing:{room}"));
    let verdict = SIGNALS.hit(&app.context.redis, &key).await;
    require(app, "typing", verdict).is_ok()
}

/// Whether a presence signal may pass; the excess is dropped without an error.
pub(crate) async fn presence_passes(app: &App, user: UserId) -> bool {
    let key = names::throttle(&user.to_string(), "presence");
    let verdict = SIGNALS.hit(&app.context.redis, &key).await;
    require(app, "presence", verdict).is_ok()
}

fn require(
    app: &App,
    bucket: &'static str,
    verdict: Result<Verdict, RedisError>,
) -> Result<(), Refusal> {
    match verdict {
        Ok(Verdict::Allowed) => Ok(()),
        Ok(Verdict::Limited { retry_after }) => {
            app.metrics.rate_limited(bucket);
            let message = match bucket {
                "login" => "Too many failed logins. Please wait a moment.",
                _ => "Too many requests. Please wait a moment.",
            };
            Err(Refusal::new(ErrorCode::RateLimited, message).retry_after(retry_after))
        }
        Err(error) => {
            tracing::warn!(%error, bucket, "a rate limit did not answer; it is let through");
            Ok(())
        }
    }
}
