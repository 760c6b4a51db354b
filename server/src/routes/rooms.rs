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
use chat_core::ids::RoomId;
use chat_core::protocol::client::RoomCreate;
use chat_core::protocol::objects::{Member, Room};
use chat_core::time::Timestamp;
use chat_processor::commands::{access, create_room};
use chat_processor::failure::unavailable;
use http::StatusCode;

use super::List;
use crate::announce;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::http::problem::Problem;

/// Default and most rooms of a page.
const PAGE_DEFAULT: u32 = 50;
const PAGE_MOST: u32 = 200;

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
    let created = create_room::run(&app.context, &caller.actor(&app), create).await?;
    if let Some(job) = created.announcement {
        announce::spawn(Arc::clone(&app), job);
    }
    let status = if created.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, JsonAnswer(created.room)))
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<JsonAnswer<List<Room>>, Problem> {
    let limit = params.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let after = params.parsed::<Cursor>("cursor")?.map(|cursor| cursor.0);
    let mut connection = app
        .context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    let (data, next) = rooms::list(&mut connection, caller.identity.user_id, after, limit)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(JsonAnswer(List {
        data,
        next_cursor: next.map(|cursor| Cursor(cursor).to_string()),
    }))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<Room>, Problem> {
    let room: RoomId = id("id", &room)?;
    let user = caller.identity.user_id;
    access::require_member(&app.context, room, user).await?;
    let mut connection = app
        .context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    let mut found = rooms::view(&mut connection, room, user)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(access::room_not_found)?;
    let members = members::list(&mut *connection, room)
        .await
        .map_err(|error| unavailable(&error))?;
    found.members = Some(members);
    Ok(JsonAnswer(found))
}

async fn members(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<List<Member>>, Problem> {
    let room: RoomId = id("id", &room)?;
    access::require_member(&app.context, room, caller.identity.user_id).await?;
    let members = members::list(&app.context.pg, room)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(JsonAnswer(List::whole(members)))
}

/// Where a page of rooms begins; opaque to clients.
struct Cursor(RoomCursor);

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
