//! `/users`: the canonical user in the merged envelope.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, patch, post};
use chat_core::error::Refusal;
use chat_core::protocol::client::ProfileUpdate;
use chat_processor::commands::profile;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::envelope::{Answer, Envelope};
use crate::app::App;
use crate::auth::accounts;
use crate::auth::registration::check_password;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::routes::users;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/users", patch(update).delete(erase))
        .route("/users/me", get(me))
        .route("/users/change-password", post(change_password))
        .route("/users/{id}", get(show))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    #[serde(deserialize_with = "crate::auth::password::deserialize")]
    current_password: SecretString,
    #[serde(deserialize_with = "crate::auth::password::deserialize")]
    new_password: SecretString,
    #[serde(deserialize_with = "crate::auth::password::deserialize")]
    confirm_new_password: SecretString,
}

async fn me(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    let user = accounts::profile(&app, caller.identity.user_id).await?;
    Ok(Envelope::ok(&user))
}

async fn show(State(app): State<Arc<App>>, caller: Caller, Path(user): Path<String>) -> Answer {
    let user = users::seen(&app, &caller, id("id", &user)?).await?;
    Ok(Envelope::ok(&user))
}

async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(update): Json<ProfileUpdate>,
) -> Answer {
    let user = profile::update(&app.context, &caller.actor(&app), update).await?;
    Ok(Envelope::ok(&user))
}

/// The other sessions end; this one stays.
async fn change_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(change): Json<Change>,
) -> Answer {
    if change.new_password.expose_secret() != change.confirm_new_password.expose_secret() {
        let message = "is not the new password";
        return Err(Refusal::invalid("confirmNewPassword", "different", message).into());
    }
    let mut wrong = Vec::new();
    check_password("newPassword", &change.new_password, &mut wrong);
    if let Some(field) = wrong.into_iter().next() {
        return Err(Refusal::invalid(field.path, field.code, field.message).into());
    }
    accounts::require_password(&app, &caller, change.current_password).await?;
    let hash = accounts::hash(&app, change.new_password).await?;
    profile::set_password(&app.context, &caller.actor(&app), &hash).await?;
    Ok(Envelope::done("The password is changed."))
}

/// This dialect's clients ask before they send this; the canonical route wants the password too.
async fn erase(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    profile::delete(&app.context, &caller.actor(&app)).await?;
    let message = "The account is deleted.";
    Ok(Envelope::ok(&json!({"success": true, "message": message})))
}
