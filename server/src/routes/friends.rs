//! `/friends` and `/blocks`: whom the caller likes to hear of, and whom not.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get, post, put};
use axum::{Json as JsonAnswer, Router};
use chat_backends::postgres::{blocks, friends};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::protocol::client::{self, BlockUser, FriendAnswer, FriendRemove};
use chat_core::protocol::objects::{FriendRequest, UserRef};
use chat_processor::commands::block;
use chat_processor::commands::friend::{self, Answer};
use chat_processor::failure::unavailable;
use http::StatusCode;

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/friends", get(list))
        .route("/friends/{userId}", delete(remove))
        .route("/friends/requests", get(requests).post(request))
        .route("/friends/requests/{id}", delete(cancel))
        .route("/friends/requests/{id}/accept", post(accept))
        .route("/friends/requests/{id}/refuse", post(refuse))
        .route("/blocks", get(blocked))
        .route("/blocks/{userId}", put(add_block).delete(remove_block))
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<List<UserRef>>, Problem> {
    let friends = friends::list(&app.context.pg, caller.identity.user_id)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(JsonAnswer(List::whole(friends)))
}

async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let remove = FriendRemove {
        user_id: id("userId", &user)?,
    };
    friend::run_remove(&app.context, &caller.actor(&app), remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn requests(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<List<FriendRequest>>, Problem> {
    let open = friends::open_requests(&app.context.pg, caller.identity.user_id)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(JsonAnswer(List::whole(open)))
}

async fn request(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(request): Json<client::FriendRequest>,
) -> Result<(StatusCode, JsonAnswer<FriendRequest>), Problem> {
    let request = friend::run(&app.context, &caller.actor(&app), request).await?;
    Ok((StatusCode::CREATED, JsonAnswer(request)))
}

async fn accept(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(request): Path<String>,
) -> Result<JsonAnswer<FriendRequest>, Problem> {
    answer(&app, &caller, &request, Answer::Accept).await
}

async fn refuse(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(request): Path<String>,
) -> Result<JsonAnswer<FriendRequest>, Problem> {
    answer(&app, &caller, &request, Answer::Refuse).await
}

async fn answer(
    app: &App,
    caller: &Caller,
    request: &str,
    answer: Answer,
) -> Result<JsonAnswer<FriendRequest>, Problem> {
    let payload = FriendAnswer {
        request_id: id("id", request)?,
    };
    let request = friend::run_answer(&app.context, &caller.actor(app), payload, answer).await?;
    let gone = || Refusal::new(ErrorCode::NotFound, "There is no such request any more.");
    Ok(JsonAnswer(request.ok_or_else(gone)?))
}

async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(request): Path<String>,
) -> Result<StatusCode, Problem> {
    let payload = FriendAnswer {
        request_id: id("id", &request)?,
    };
    friend::run_answer(&app.context, &caller.actor(&app), payload, Answer::Cancel).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn blocked(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<List<UserRef>>, Problem> {
    let blocked = blocks::list(&app.context.pg, caller.identity.user_id)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(JsonAnswer(List::whole(blocked)))
}

async fn add_block(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    change_block(&app, &caller, &user, true).await
}

async fn remove_block(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    change_block(&app, &caller, &user, false).await
}

async fn change_block(
    app: &App,
    caller: &Caller,
    user: &str,
    blocked: bool,
) -> Result<StatusCode, Problem> {
    let user = BlockUser {
        user_id: id("userId", user)?,
    };
    block::run(&app.context, &caller.actor(app), user, blocked).await?;
    Ok(StatusCode::NO_CONTENT)
}
