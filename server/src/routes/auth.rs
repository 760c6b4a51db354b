//! `/auth/*`: one account store, and an answer that every older client understands.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json as JsonAnswer, Router};
use chat_core::error::Refusal;
use chat_core::protocol::objects::User;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::me;
use crate::app::App;
use crate::auth::accounts::{self, Credentials, Device, Tokens};
use crate::auth::registration::Registration;
use crate::http::caller::Caller;
use crate::http::extract::Json;
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/register", post(register))
        .route("/login", post(login))
        .route("/refresh", post(refresh))
        .route("/logout", post(logout))
        .route("/me", get(me::show))
}

/// `AuthResult`: the tokens under each name that some client reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthResult<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(rename = "access_token")]
    access_token_snake: &'a str,
    #[serde(rename = "refresh_token")]
    refresh_token_snake: &'a str,
    user: &'a User,
    status_code: u16,
    message: &'static str,
    data: AuthData<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthData<'a> {
    #[serde(flatten)]
    profile: &'a User,
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    user: &'a User,
}

/// A refresh token under either name.
#[derive(Deserialize)]
pub(crate) struct Refresh {
    #[serde(rename = "refreshToken", alias = "refresh_token")]
    pub(crate) refresh_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    status_code: u16,
    message: &'static str,
}

type Answer = (StatusCode, JsonAnswer<serde_json::Value>);

async fn register(
    State(app): State<Arc<App>>,
    device: Device,
    Json(registration): Json<Registration>,
) -> Result<Answer, Problem> {
    let tokens = accounts::register(&app, registration, &device).await?;
    answer(StatusCode::CREATED, "Registered", &tokens)
}

async fn login(
    State(app): State<Arc<App>>,
    device: Device,
    Json(credentials): Json<Credentials>,
) -> Result<Answer, Problem> {
    let tokens = accounts::login(&app, credentials, &device).await?;
    answer(StatusCode::OK, "Logged in", &tokens)
}

async fn refresh(
    State(app): State<Arc<App>>,
    device: Device,
    Json(refresh): Json<Refresh>,
) -> Result<Answer, Problem> {
    let tokens = accounts::refresh(&app, &refresh.refresh_token, &device).await?;
    answer(StatusCode::OK, "Refreshed", &tokens)
}

async fn logout(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<impl Serialize>, Problem> {
    accounts::logout(&app, &caller.identity).await?;
    Ok(JsonAnswer(Done {
        status_code: 200,
        message: "Logged out",
    }))
}

fn answer(status: StatusCode, message: &'static str, tokens: &Tokens) -> Result<Answer, Problem> {
    let result = AuthResult {
        access_token: &tokens.access_token,
        refresh_token: &tokens.refresh_token,
        token_type: "Bearer",
        expires_in: tokens.expires_in_secs,
        access_token_snake: &tokens.access_token,
        refresh_token_snake: &tokens.refresh_token,
        user: &tokens.user,
        status_code: status.as_u16(),
        message,
        data: AuthData {
            profile: &tokens.user,
            access_token: &tokens.access_token,
            refresh_token: &tokens.refresh_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in_secs,
            user: &tokens.user,
        },
    };
    let body = serde_json::to_value(&result).map_err(|error| {
        tracing::error!(%error, "an answer could not be encoded");
        Refusal::new(
            chat_core::error::ErrorCode::Internal,
            "Something went wrong.",
        )
    })?;
    Ok((status, JsonAnswer(body)))
}
