//! `/users` and `/search/users`: other people's accounts, without what is private.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use chat_backends::postgres::users;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::UserId;
use chat_core::limits;
use chat_core::protocol::objects::{User, UserRef, UserRole};
use chat_processor::failure::unavailable;

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Params, id};
use crate::http::problem::Problem;

/// Default and most results of a search.
const FOUND_DEFAULT: u32 = 20;
const FOUND_MOST: u32 = 50;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/users/{id}", get(show))
        .route("/search/users", get(search))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Json<User>, Problem> {
    Ok(Json(seen(&app, &caller, id("id", &user)?).await?))
}

/// An account as the caller sees it.
///
/// # Errors
/// `user_not_found`, `unavailable`.
pub(crate) async fn seen(app: &App, caller: &Caller, user: UserId) -> Result<User, Refusal> {
    let mut user = users::by_id(&app.context.pg, user)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(|| Refusal::new(ErrorCode::UserNotFound, "There is no such user."))?;
    if user.id != caller.identity.user_id && caller.identity.role != UserRole::Admin {
        user.email = None;
        user.phone = None;
    }
    Ok(user)
}

async fn search(
    State(app): State<Arc<App>>,
    _: Caller,
    params: Params,
) -> Result<Json<List<UserRef>>, Problem> {
    Ok(Json(List::whole(find(&app, &params).await?)))
}

/// The users whom `q` finds.
///
/// # Errors
/// `validation_failed`, `unavailable`.
pub(crate) async fn find(app: &App, params: &Params) -> Result<Vec<UserRef>, Refusal> {
    let text = params.text("q").unwrap_or_default().trim();
    let chars = text.chars().count();
    if !(1..=limits::NAME_CHARS).contains(&chars) || text.chars().any(char::is_control) {
        let message = format!("must have 1 to {} characters", limits::NAME_CHARS);
        return Err(Refusal::invalid("q", "invalid", message));
    }
    let limit = params.limit(FOUND_DEFAULT, FOUND_MOST)?;
    users::search(&app.context.pg, text, limit)
        .await
        .map_err(|error| unavailable(&error))
}
