//! `/presence`: who is there.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chat_core::ids::UserId;
use chat_core::protocol::client::PresenceUsers;
use chat_core::protocol::objects::Presence;
use chat_processor::commands::contacts;
use serde::Serialize;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Params, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/presence", get(show))
}

#[derive(Serialize)]
struct Presences {
    presence: Vec<Presence>,
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Json<Presences>, Problem> {
    let user_ids = params
        .text("userIds")
        .unwrap_or_default()
        .split(',')
        .filter(|text| !text.is_empty())
        .enumerate()
        .map(|(index, text)| id(&format!("userIds[{index}]"), text))
        .collect::<Result<Vec<UserId>, _>>()?;
    let asked = PresenceUsers { user_ids };
    let presence = contacts::presence(&app.context, &caller.actor(&app), &asked).await?;
    Ok(Json(Presences { presence }))
}
