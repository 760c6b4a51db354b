//! `/sessions`: the caller's logins on all devices.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get};
use axum::{Json, Router};
use chat_backends::postgres::sessions;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::SessionId;
use chat_core::time::Timestamp;
use chat_processor::commands::end_sessions;
use chat_processor::failure::unavailable;
use http::StatusCode;
use serde::Serialize;

use super::List;
use crate::app::App;
use crate::auth::accounts;
use crate::http::caller::Caller;
use crate::http::extract::id;
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/sessions", get(list).delete(end_others))
        .route("/sessions/{id}", delete(end))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    id: SessionId,
    current: bool,
    user_agent: Option<String>,
    ip: Option<String>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
}

async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<List<Session>>, Problem> {
    let found = sessions::list(&app.context.pg, caller.identity.user_id, Timestamp::now())
        .await
        .map_err(|error| unavailable(&error))?;
    let data = found
        .into_iter()
        .map(|session| Session {
            id: session.id,
            current: caller.identity.session_id == Some(session.id),
            user_agent: session.user_agent,
            ip: session.ip,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
        })
        .collect();
    Ok(Json(List::whole(data)))
}

async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    let session: SessionId = id("id", &session)?;
    if accounts::revoke(&app, caller.identity.user_id, session).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::new(ErrorCode::NotFound, "There is no such session.").into())
    }
}

async fn end_others(State(app): State<Arc<App>>, caller: Caller) -> Result<StatusCode, Problem> {
    let identity = &caller.identity;
    end_sessions::run(&app.context, identity.user_id, identity.session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
