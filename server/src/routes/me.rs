//! `/me`: the caller's own account.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chat_core::protocol::objects::User;

use crate::app::App;
use crate::auth::accounts;
use crate::http::caller::Caller;
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/me", get(show))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<User>, Problem> {
    Ok(Json(
        accounts::profile(&app, caller.identity.user_id).await?,
    ))
}
