//! `/rooms`: making, listing and showing rooms.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json as JsonAnswer, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chat_backends::postgres::members;
use chat_backends::postgres::rooms::{self, RoomCursor};
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::client::RoomCreate;
use chat_core::protocol::objects::{Member, Room};
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::{access, create_room, update_room};
use chat_processor::failure::unavailable;
use http::StatusCode;

use super::List;
use crate::announce;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::http::problem::Problem;

/// Default and most rooms of a page.
pub(crate) const PAGE_DEFAULT: u32 = 50;
pub(crate) const PAGE_MOST: u32 = 200;

/// Most rooms of a list that a dialect answers without pages.
pub(crate) const MOST_OF_A_LIST: u32 = 1000;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/rooms", get(list).post(create))
        .route("/rooms/{id}", get(show))
        .route("/rooms/{id}/members", get(members))
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(create): Json<RoomCreate>,
) -> Result<(StatusCode, JsonAnswer<Room>), Problem> {
    let (status, room) = make(&app, &caller.actor(&app), create).await?;
    Ok((status, JsonAnswer(room)))
}

/// Makes a room and announces it; 200 for the dm of a pair that had one.
///
/// # Errors
/// The refusals of [`create_room::run`].
pub(crate) async fn make(
    app: &Arc<App>,
    actor: &Actor,
    create: RoomCreate,
) -> Result<(StatusCode, Room), Refusal> {
    let created = create_room::run(&app.context, actor, create).await?;
    if let Some(job) = created.announcement {
        announce::spawn(Arc::clone(app), job);
    }
    let status = if created.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, created.room))
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<JsonAnswer<List<Room>>, Problem> {
    let limit = params.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let (data, next) = page(&app, &caller, params.parsed("cursor")?, limit).await?;
    Ok(JsonAnswer(List {
        data,
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

/// A page of the caller's rooms, newest activity first, and where the next one begins.
///
/// # Errors
/// `unavailable`.
pub(crate) async fn page(
    app: &App,
    caller: &Caller,
    after: Option<Cursor>,
    limit: u32,
) -> Result<(Vec<Room>, Option<Cursor>), Refusal> {
    let mut connection = app
        .context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    let after = after.map(|cursor| cursor.0);
    let (rooms, next) = rooms::list(&mut connection, caller.identity.user_id, after, limit)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok((rooms, next.map(Cursor)))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<Room>, Problem> {
    let room: RoomId = id("id", &room)?;
    let user = caller.identity.user_id;
    let mut found = of_member(&app, room, user).await?;
    found.members = Some(members_of(&app, room, user).await?);
    Ok(JsonAnswer(found))
}

/// The room as one of its members sees it, without the list of members.
///
/// # Errors
/// `room_not_found`, `not_member`, `unavailable`.
pub(crate) async fn of_member(app: &App, room: RoomId, user: UserId) -> Result<Room, Refusal> {
    access::require_member(&app.context, room, user).await?;
    update_room::view(&app.context, room, user).await
}

/// The members of a room, for one of them.
///
/// # Errors
/// `room_not_found`, `not_member`, `unavailable`.
pub(crate) async fn members_of(
    app: &App,
    room: RoomId,
    user: UserId,
) -> Result<Vec<Member>, Refusal> {
    access::require_member(&app.context, room, user).await?;
    members::list(&app.context.pg, room)
        .await
        .map_err(|error| unavailable(&error))
}

async fn members(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<List<Member>>, Problem> {
    let room: RoomId = id("id", &room)?;
    let members = members_of(&app, room, caller.identity.user_id).await?;
    Ok(JsonAnswer(List::whole(members)))
}

/// Where a page of rooms begins; opaque to clients.
pub(crate) struct Cursor(RoomCursor);

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}:{}", self.0.active_at.unix_millis(), self.0.room_id);
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for Cursor {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let parse = || {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
            let (millis, room) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
            Some(Self(RoomCursor {
                active_at: Timestamp::from_unix_millis(millis.parse().ok()?)?,
                room_id: room.parse().ok()?,
            }))
        };
        parse()
            .ok_or_else(|| Refusal::invalid("cursor", "malformed", "is not a cursor of this route"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_way_through_a_client() {
        let cursor = Cursor(RoomCursor {
            active_at: Timestamp::now(),
            room_id: RoomId::now_v7(),
        });
        let back: Cursor = cursor.to_string().parse().unwrap();
        assert_eq!(back.0.active_at, cursor.0.active_at);
        assert_eq!(back.0.room_id, cursor.0.room_id);
        assert!("x".parse::<Cursor>().is_err());
    }
}
