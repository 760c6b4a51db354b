//! `session.refresh`: a new token for a socket that stays.

use chat_core::error::Refusal;
use chat_core::protocol::client::SessionRefresh;
use chat_core::time::Timestamp;
use serde::Serialize;

use super::{Answer, Call};
use crate::auth::{AuthError, bare};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refreshed {
    status: &'static str,
    expires_at: Timestamp,
}

/// Takes a token of the same user only: a socket never changes hands.
pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let refresh: SessionRefresh = call.parse()?;
    let identity = call
        .app
        .authenticator
        .authenticate(bare(&refresh.token))
        .await
        .map_err(AuthError::refusal)?;
    if identity.user_id != call.client.user_id {
        return Err(AuthError::InvalidToken.refusal());
    }
    call.client.extend(identity.expires_at);
    Answer::now(&Refreshed {
        status: "OK",
        expires_at: identity.expires_at,
    })
}
