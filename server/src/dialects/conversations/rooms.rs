//! `/api/chats/conversations`: dms and groups.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json as JsonAnswer, Router};
use chat_core::error::Refusal;
use chat_core::ids::RoomId;
use chat_core::protocol::client::RoomCreate;
use chat_core::protocol::objects::RoomType;
use http::StatusCode;
use serde::Deserialize;

use super::objects::{Conversation, Participant};
use crate::app::App;
use crate::dialects::spelling;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;
use crate::routes::rooms;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(list))
        .route("/dm", post(dm))
        .route("/group", post(group))
        .route("/{id}", get(show))
        .route("/{id}/members", get(members))
}

#[derive(Deserialize)]
struct Dm {
    other_user_id: String,
}

#[derive(Deserialize)]
struct Group {
    title: String,
    member_ids: Vec<String>,
}

type Answer = Result<(StatusCode, JsonAnswer<Conversation>), Problem>;

async fn dm(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(Dm { other_user_id }): Json<Dm>,
) -> Answer {
    let room = RoomCreate {
        kind: RoomType::Dm,
        member_ids: vec![other_user_id],
        title: None,
        description: None,
        avatar_url: None,
        join_policy: None,
    };
    create(&app, &caller, room)
        .await
        .map_err(|refusal| spelling::renamed(refusal, "memberIds[0]", "other_user_id"))
        .map_err(|refusal| spelling::renamed(refusal, "memberIds", "other_user_id").into())
}

async fn group(State(app): State<Arc<App>>, caller: Caller, Json(group): Json<Group>) -> Answer {
    let room = RoomCreate {
        kind: RoomType::Group,
        member_ids: group.member_ids,
        title: Some(group.title),
        description: None,
        avatar_url: None,
        join_policy: None,
    };
    create(&app, &caller, room)
        .await
        .map_err(|refusal| spelling::renamed(refusal, "memberIds", "member_ids").into())
}

async fn create(
    app: &Arc<App>,
    caller: &Caller,
    room: RoomCreate,
) -> Result<(StatusCode, JsonAnswer<Conversation>), Refusal> {
    let (status, room) = rooms::make(app, &caller.actor(app), room).await?;
    Ok((status, JsonAnswer(room.into())))
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<Vec<Conversation>>, Problem> {
    let (rooms, _) = rooms::page(&app, &caller, None, rooms::MOST_OF_A_LIST).await?;
    Ok(JsonAnswer(rooms.into_iter().map(Into::into).collect()))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<Conversation>, Problem> {
    let room: RoomId = id("id", &room)?;
    let room = rooms::of_member(&app, room, caller.identity.user_id).await?;
    Ok(JsonAnswer(room.into()))
}

async fn members(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<Vec<Participant>>, Problem> {
    let room: RoomId = id("id", &room)?;
    let members = rooms::members_of(&app, room, caller.identity.user_id).await?;
    Ok(JsonAnswer(members.into_iter().map(Into::into).collect()))
}
