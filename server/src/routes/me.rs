//! `/me`: the caller's own account.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json as JsonAnswer, Router};
use chat_core::error::Refusal;
use chat_core::protocol::client::{PasswordChange, ProfileUpdate};
use chat_core::protocol::objects::User;
use chat_processor::commands::profile;
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;

use crate::app::App;
use crate::auth::accounts;
use crate::auth::registration::check_password;
use crate::http::caller::Caller;
use crate::http::extract::Json;
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/me", get(show).patch(update).delete(erase))
        .route("/me/password", post(change_password))
}

#[derive(Deserialize)]
struct Confirmation {
    #[serde(deserialize_with = "crate::auth::password::deserialize")]
    password: SecretString,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<User>, Problem> {
    Ok(JsonAnswer(
        accounts::profile(&app, caller.identity.user_id).await?,
    ))
}

async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(update): Json<ProfileUpdate>,
) -> Result<JsonAnswer<User>, Problem> {
    let user = profile::update(&app.context, &caller.actor(&app), update).await?;
    Ok(JsonAnswer(user))
}

/// The other sessions end; this one stays.
async fn change_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let (current, new) = (
        change.current_password.into(),
        SecretString::from(change.new_password),
    );
    let mut wrong = Vec::new();
    check_password("newPassword", &new, &mut wrong);
    if let Some(field) = wrong.into_iter().next() {
        return Err(Refusal::invalid(field.path, field.code, field.message).into());
    }
    accounts::require_password(&app, &caller, current).await?;
    let hash = accounts::hash(&app, new).await?;
    profile::set_password(&app.context, &caller.actor(&app), &hash).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn erase(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(Confirmation { password }): Json<Confirmation>,
) -> Result<StatusCode, Problem> {
    accounts::require_password(&app, &caller, password).await?;
    profile::delete(&app.context, &caller.actor(&app)).await?;
    Ok(StatusCode::ACCEPTED)
}
