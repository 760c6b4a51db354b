//! `/api/users`: the one account store in snake_case.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json as JsonAnswer, Router};
use chat_core::ids::UserId;
use chat_core::protocol::objects::User;
use chat_core::time::Timestamp;
use http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::auth::accounts::{self, Credentials, Device, Tokens};
use crate::auth::registration::Registration;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params};
use crate::http::problem::Problem;
use crate::routes::auth::Refresh;
use crate::routes::users::find;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/auth/register", post(register))
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(logout))
        .route("/me", get(me))
        .route("/search", get(search))
}

#[derive(Serialize)]
struct AuthAnswer {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Account>,
}

#[derive(Serialize)]
struct Account {
    user_id: UserId,
    email: Option<String>,
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct Found {
    user_id: UserId,
    username: String,
}

#[derive(Serialize)]
struct Done {
    message: &'static str,
}

async fn register(
    State(app): State<Arc<App>>,
    device: Device,
    Json(registration): Json<Registration>,
) -> Result<(StatusCode, JsonAnswer<AuthAnswer>), Problem> {
    let tokens = accounts::register(&app, registration, &device).await?;
    Ok((StatusCode::CREATED, JsonAnswer(with_user(tokens))))
}

async fn login(
    State(app): State<Arc<App>>,
    device: Device,
    Json(credentials): Json<Credentials>,
) -> Result<JsonAnswer<AuthAnswer>, Problem> {
    let tokens = accounts::login(&app, credentials, &device).await?;
    Ok(JsonAnswer(with_user(tokens)))
}

async fn refresh(
    State(app): State<Arc<App>>,
    device: Device,
    Json(refresh): Json<Refresh>,
) -> Result<JsonAnswer<AuthAnswer>, Problem> {
    let tokens = accounts::refresh(&app, &refresh.refresh_token, &device).await?;
    Ok(JsonAnswer(AuthAnswer {
        user: None,
        ..with_user(tokens)
    }))
}

async fn logout(State(app): State<Arc<App>>, caller: Caller) -> Result<JsonAnswer<Done>, Problem> {
    accounts::logout(&app, &caller.identity).await?;
    Ok(JsonAnswer(Done {
        message: "Logged out",
    }))
}

async fn me(State(app): State<Arc<App>>, caller: Caller) -> Result<JsonAnswer<Account>, Problem> {
    let user = accounts::profile(&app, caller.identity.user_id).await?;
    let created_at = Some(user.created_at);
    Ok(JsonAnswer(Account {
        created_at,
        ..account(user)
    }))
}

async fn search(
    State(app): State<Arc<App>>,
    _: Caller,
    params: Params,
) -> Result<JsonAnswer<Vec<Found>>, Problem> {
    let found = find(&app, &params).await?;
    let found = found.into_iter().map(|user| Found {
        user_id: user.id,
        username: user.username,
    });
    Ok(JsonAnswer(found.collect()))
}

fn with_user(tokens: Tokens) -> AuthAnswer {
    AuthAnswer {
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token,
        token_type: "Bearer",
        expires_in: tokens.expires_in_secs,
        user: Some(account(tokens.user)),
    }
}

fn account(user: User) -> Account {
    Account {
        user_id: user.id,
        email: user.email,
        username: user.username,
        created_at: None,
    }
}
