//! Invitations: `…/:id/invite`, `…/invites/*`, `…/:id/join`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as JsonAnswer, Router};
use chat_backends::postgres::invites;
use chat_core::ids::{InviteId, UserId};
use chat_core::protocol::client::{InviteAnswer, RoomInvite, RoomJoin};
use chat_core::time::Timestamp;
use chat_processor::commands::{invite, join_room};
use chat_processor::failure::unavailable;
use http::StatusCode;
use serde::Deserialize;

use super::objects::{Conversation, Invitation};
use crate::app::App;
use crate::dialects::spelling;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/{id}/invite", post(ask))
        .route("/{id}/join", post(join))
        .route("/invites/my", get(open))
        .route("/invites/{id}/accept", post(accept))
        .route("/invites/{id}/decline", post(decline))
}

#[derive(Deserialize)]
struct Invited {
    user_id: UserId,
}

#[derive(Deserialize)]
struct JoinBody {
    #[serde(default)]
    invite_id: Option<InviteId>,
}

async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(Invited { user_id }): Json<Invited>,
) -> Result<Response, Problem> {
    let request = RoomInvite {
        room_id: id("id", &room)?,
        user_ids: vec![user_id],
        direct: false,
    };
    let invites = invite::run(&app.context, &caller.actor(&app), request)
        .await
        .map_err(|refusal| spelling::renamed(refusal, "userIds", "user_id"))?;
    let invite = invites.into_iter().next().map(Invitation::from);
    Ok((StatusCode::CREATED, JsonAnswer(invite)).into_response())
}

async fn open(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<Vec<Invitation>>, Problem> {
    let open = invites::open_of(&app.context.pg, caller.identity.user_id, Timestamp::now())
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(JsonAnswer(open.into_iter().map(Into::into).collect()))
}

async fn accept(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(invite): Path<String>,
) -> Result<JsonAnswer<Conversation>, Problem> {
    let answer = InviteAnswer {
        invite_id: id("inviteId", &invite)?,
    };
    let room = join_room::accept(&app.context, &caller.actor(&app), answer).await?;
    Ok(JsonAnswer(room.into()))
}

async fn decline(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(invite): Path<String>,
) -> Result<JsonAnswer<Option<Invitation>>, Problem> {
    let invite_id: InviteId = id("inviteId", &invite)?;
    invite::decline(
        &app.context,
        &caller.actor(&app),
        InviteAnswer { invite_id },
    )
    .await?;
    let declined = invites::by_id(&app.context.pg, invite_id, Timestamp::now())
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(JsonAnswer(declined.map(Into::into)))
}

/// The room, or 202 where somebody has to let the caller in first.
async fn join(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    body: Option<Json<JoinBody>>,
) -> Result<Response, Problem> {
    let join = RoomJoin {
        room_id: id("id", &room)?,
        invite_id: body.and_then(|Json(body)| body.invite_id),
    };
    match join_room::run(&app.context, &caller.actor(&app), join).await? {
        Some(room) => Ok(JsonAnswer(Conversation::from(room)).into_response()),
        None => {
            let pending = serde_json::json!({"status": "PENDING"});
            Ok((StatusCode::ACCEPTED, JsonAnswer(pending)).into_response())
        }
    }
}
