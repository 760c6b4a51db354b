//! `authenticate`: a socket of `/ws` may come without a token and show it afterwards.

use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::auth::{AuthError, bare};
use crate::sockets::events::{Answer, Call};
use crate::sockets::guests;

/// An event of this dialect's clients; `ping` is canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Authenticate,
}

impl Event {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
        }
    }

    /// The event of this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        (name == Self::Authenticate.name()).then_some(Self::Authenticate)
    }
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authenticated {
    status: &'static str,
    user_id: UserId,
}

/// Does an event.
pub(crate) async fn handle(event: Event, call: &Call<'_>) -> Result<Answer, Refusal> {
    match event {
        Event::Authenticate => authenticate(call).await,
    }
}

/// Lets a guest in, or takes a fresh token of the same user: a socket never changes hands.
async fn authenticate(call: &Call<'_>) -> Result<Answer, Refusal> {
    let Token { token } = call.parse()?;
    if bare(&token).is_empty() {
        return Err(AuthError::NoToken.refusal());
    }
    let identity = call
        .app
        .authenticator
        .authenticate(bare(&token))
        .await
        .map_err(AuthError::refusal)?;
    let user_id = identity.user_id;
    let current = guests::current(call.client);
    if current.is_guest() {
        guests::admit(call.app, &current, &identity).await?;
    } else if current.user_id == user_id {
        current.extend(identity.expires_at);
        current.emit("authenticated", &serde_json::json!({"userId": user_id}));
    } else {
        let message = "This connection belongs to another user.";
        return Err(Refusal::new(ErrorCode::InvalidToken, message));
    }
    Answer::now(&Authenticated {
        status: "ok",
        user_id,
    })
}
