//! What can be done to a room and its members: change, delete, roles, invites, joining, leaving.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json as JsonAnswer, Router};
use chat_backends::postgres::invites;
use chat_core::ids::{InviteId, UserId};
use chat_core::protocol::client::{
    InviteAnswer, RoomChange, RoomInvite, RoomJoin, RoomKick, RoomRef, RoomRole, RoomUpdate,
};
use chat_core::protocol::objects::{Invite, Member, MemberRole, Room};
use chat_core::time::Timestamp;
use chat_processor::commands::{
    change_role, delete_room, invite, join_room, leave_room, update_room,
};
use chat_processor::failure::unavailable;
use http::StatusCode;
use serde::Deserialize;

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/rooms/{id}", patch(update).delete(delete))
        .route("/rooms/{id}/members/{userId}", patch(role).delete(kick))
        .route("/rooms/{id}/invites", post(ask))
        .route("/rooms/{id}/join", post(join))
        .route("/rooms/{id}/leave", post(leave))
        .route("/invites", get(open))
        .route("/invites/{id}/accept", post(accept))
        .route("/invites/{id}/decline", post(decline))
}

#[derive(Deserialize)]
struct Role {
    role: MemberRole,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invited {
    user_ids: Vec<UserId>,
    #[serde(default)]
    direct: bool,
}

async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(change): Json<RoomChange>,
) -> Result<JsonAnswer<Room>, Problem> {
    let update = RoomUpdate {
        room_id: id("id", &room)?,
        change,
    };
    let room = update_room::run(&app.context, &caller.actor(&app), update).await?;
    Ok(JsonAnswer(room))
}

async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    let room = RoomRef {
        room_id: id("id", &room)?,
    };
    delete_room::run(&app.context, &caller.actor(&app), room).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn role(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((room, user)): Path<(String, String)>,
    Json(Role { role }): Json<Role>,
) -> Result<JsonAnswer<Member>, Problem> {
    let change = RoomRole {
        room_id: id("id", &room)?,
        user_id: id("userId", &user)?,
        role,
    };
    let member = change_role::run(&app.context, &caller.actor(&app), change).await?;
    Ok(JsonAnswer(member))
}

async fn kick(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((room, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let kick = RoomKick {
        room_id: id("id", &room)?,
        user_id: id("userId", &user)?,
    };
    leave_room::run_kick(&app.context, &caller.actor(&app), kick).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(invited): Json<Invited>,
) -> Result<(StatusCode, JsonAnswer<List<Invite>>), Problem> {
    let request = RoomInvite {
        room_id: id("id", &room)?,
        user_ids: invited.user_ids,
        direct: invited.direct,
    };
    let invites = invite::run(&app.context, &caller.actor(&app), request).await?;
    Ok((StatusCode::CREATED, JsonAnswer(List::whole(invites))))
}

async fn open(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<List<Invite>>, Problem> {
    let open = invites::open_of(&app.context.pg, caller.identity.user_id, Timestamp::now())
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(JsonAnswer(List::whole(open)))
}

async fn accept(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(invite): Path<String>,
) -> Result<JsonAnswer<Room>, Problem> {
    let answer = InviteAnswer {
        invite_id: id("id", &invite)?,
    };
    let room = join_room::accept(&app.context, &caller.actor(&app), answer).await?;
    Ok(JsonAnswer(room))
}

async fn decline(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(invite): Path<String>,
) -> Result<StatusCode, Problem> {
    let answer = InviteAnswer {
        invite_id: id("id", &invite)?,
    };
    invite::decline(&app.context, &caller.actor(&app), answer).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JoinBody {
    #[serde(default)]
    invite_id: Option<InviteId>,
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
        Some(room) => Ok(JsonAnswer(room).into_response()),
        None => {
            let pending = serde_json::json!({"status": "pending"});
            Ok((StatusCode::ACCEPTED, JsonAnswer(pending)).into_response())
        }
    }
}

async fn leave(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    let room = RoomRef {
        room_id: id("id", &room)?,
    };
    leave_room::run(&app.context, &caller.actor(&app), room).await?;
    Ok(StatusCode::NO_CONTENT)
}
