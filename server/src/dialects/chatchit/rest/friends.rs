//! `/friends`: friendships by the request that they began with.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use chat_backends::postgres::friends;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{FriendRequestId, UserId};
use chat_core::protocol::client::{self, BlockUser, FriendAnswer, FriendRemove};
use chat_core::protocol::objects::{FriendRequest, FriendRequestStatus, UserRef};
use chat_core::time::Timestamp;
use chat_processor::commands::block;
use chat_processor::commands::friend;
use chat_processor::failure::unavailable;
use serde::{Deserialize, Serialize};

use super::envelope::{self, Envelope};
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/friends", get(all).post(ask))
        .route("/friends/requested", get(requested))
        .route("/friends/accepted", get(accepted))
        .route("/friends/{id}", get(show).patch(change).delete(end))
        .route("/friends/{id}/{act}", post(act))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ask {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    receiver_id: Option<UserId>,
}

#[derive(Deserialize)]
struct Change {
    status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Pending,
    Accepted,
    Rejected,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Friend {
    id: FriendRequestId,
    requester_id: UserId,
    receiver_id: UserId,
    status: Status,
    created_at: Timestamp,
    requester: UserRef,
    receiver: UserRef,
}

impl From<FriendRequest> for Friend {
    fn from(request: FriendRequest) -> Self {
        Self {
            id: request.id,
            requester_id: request.from.id,
            receiver_id: request.to.id,
            status: match request.status {
                FriendRequestStatus::Pending => Status::Pending,
                FriendRequestStatus::Accepted => Status::Accepted,
                FriendRequestStatus::Refused => Status::Rejected,
            },
            created_at: request.created_at,
            requester: request.from,
            receiver: request.to,
        }
    }
}

async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(ask): Json<Ask>,
) -> envelope::Answer {
    let request = client::FriendRequest {
        user_id: ask.receiver_id,
        email: ask.email,
        username: None,
    };
    let request = friend::run(&app.context, &caller.actor(&app), request).await?;
    Ok(Envelope::created(&Friend::from(request)))
}

async fn all(State(app): State<Arc<App>>, caller: Caller) -> envelope::Answer {
    listed(&app, &caller, |request| {
        request.status != FriendRequestStatus::Refused
    })
    .await
}

async fn requested(State(app): State<Arc<App>>, caller: Caller) -> envelope::Answer {
    listed(&app, &caller, |request| {
        request.status == FriendRequestStatus::Pending
    })
    .await
}

async fn accepted(State(app): State<Arc<App>>, caller: Caller) -> envelope::Answer {
    listed(&app, &caller, |request| {
        request.status == FriendRequestStatus::Accepted
    })
    .await
}

/// An accepted request counts as long as the two are friends.
async fn listed(
    app: &App,
    caller: &Caller,
    wanted: impl Fn(&FriendRequest) -> bool,
) -> envelope::Answer {
    let (pg, user) = (&app.context.pg, caller.identity.user_id);
    let away = |error: sqlx::Error| unavailable(&error);
    let now_friends = friends::ids(pg, user).await.map_err(away)?;
    let holds = |request: &FriendRequest| {
        request.status != FriendRequestStatus::Accepted
            || now_friends.contains(&request.from.id)
            || now_friends.contains(&request.to.id)
    };
    let requests = friends::all_requests(pg, user).await.map_err(away)?;
    let shown: Vec<Friend> = requests
        .into_iter()
        .filter(|request| holds(request) && wanted(request))
        .map(Friend::from)
        .collect();
    Ok(Envelope::ok(&shown))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(request): Path<String>,
) -> envelope::Answer {
    let request = own(&app, &caller, &request).await?;
    Ok(Envelope::ok(&Friend::from(request)))
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(request): Path<String>,
    Json(change): Json<Change>,
) -> envelope::Answer {
    let request = own(&app, &caller, &request).await?;
    let answer = match change.status {
        Status::Accepted => friend::Answer::Accept,
        Status::Rejected => friend::Answer::Refuse,
        Status::Pending => {
            let message = "must be ACCEPTED or REJECTED";
            return Err(Refusal::invalid("status", "invalid", message).into());
        }
    };
    let request = answered(&app, &caller, request, answer).await?;
    Ok(Envelope::ok(&Friend::from(request)))
}

/// Ends what there is: a friendship, or an open request.
async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(request): Path<String>,
) -> envelope::Answer {
    let request = own(&app, &caller, &request).await?;
    let actor = caller.actor(&app);
    if request.status == FriendRequestStatus::Pending {
        let answer = if request.from.id == actor.user_id {
            friend::Answer::Cancel
        } else {
            friend::Answer::Refuse
        };
        answered(&app, &caller, request, answer).await?;
    } else {
        let user_id = other(&request, actor.user_id);
        friend::run_remove(&app.context, &actor, FriendRemove { user_id }).await?;
    }
    Ok(Envelope::ok(&serde_json::json!({"success": true})))
}

async fn act(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((request, act)): Path<(String, String)>,
) -> envelope::Answer {
    if !["accept", "reject", "cancel", "block", "unblock", "unfriend"].contains(&act.as_str()) {
        let message = "There is nothing at this path.";
        return Err(Refusal::new(ErrorCode::NotFound, message).into());
    }
    let request = own(&app, &caller, &request).await?;
    let actor = caller.actor(&app);
    let user_id = other(&request, actor.user_id);
    let request = match act.as_str() {
        "accept" => answered(&app, &caller, request, friend::Answer::Accept).await?,
        "reject" => answered(&app, &caller, request, friend::Answer::Refuse).await?,
        "cancel" => answered(&app, &caller, request, friend::Answer::Cancel).await?,
        "unfriend" => {
            friend::run_remove(&app.context, &actor, FriendRemove { user_id }).await?;
            request
        }
        block => {
            let blocked = block == "block";
            block::run(&app.context, &actor, BlockUser { user_id }, blocked).await?;
            request
        }
    };
    Ok(Envelope::created(&Friend::from(request)))
}

/// The request, if it is the caller's to see.
async fn own(app: &App, caller: &Caller, text: &str) -> Result<FriendRequest, Refusal> {
    let user = caller.identity.user_id;
    friends::request(&app.context.pg, id("id", text)?)
        .await
        .map_err(|error| unavailable(&error))?
        .filter(|request| request.from.id == user || request.to.id == user)
        .ok_or_else(|| Refusal::new(ErrorCode::NotFound, "There is no such friendship."))
}

/// The request as it is afterwards; one that was taken back as it was.
async fn answered(
    app: &App,
    caller: &Caller,
    request: FriendRequest,
    answer: friend::Answer,
) -> Result<FriendRequest, Refusal> {
    let payload = FriendAnswer {
        request_id: request.id,
    };
    let after = friend::run_answer(&app.context, &caller.actor(app), payload, answer).await?;
    Ok(after.unwrap_or(request))
}

fn other(request: &FriendRequest, user: UserId) -> UserId {
    if request.from.id == user {
        request.to.id
    } else {
        request.from.id
    }
}
