//! `/search/messages`: full text in the caller's rooms.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chat_core::error::Refusal;
use chat_core::ids::Id;
use chat_core::protocol::objects::Message;
use chat_processor::commands::search::{self, Query};
use serde::Serialize;

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Params, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/search/messages", get(messages))
}

#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    message: Message,
    highlight: String,
}

async fn messages(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Json<List<Found>>, Problem> {
    let query = Query {
        text: params.text("q").unwrap_or_default().to_owned(),
        room: optional_id(&params, "roomId")?,
        sender: optional_id(&params, "senderId")?,
        from: params.time("from")?,
        to: params.time("to")?,
        cursor: optional_id(&params, "cursor")?,
        limit: params.parsed("limit")?,
    };
    let page = search::messages(&app.context, &caller.actor(&app), query).await?;
    let data = page
        .found
        .into_iter()
        .map(|found| Found {
            message: found.message,
            highlight: found.highlight,
        })
        .collect();
    Ok(Json(List {
        data,
        next_cursor: page.next.map(|next| next.to_string()),
    }))
}

fn optional_id<K>(params: &Params, name: &str) -> Result<Option<Id<K>>, Refusal> {
    params.text(name).map(|text| id(name, text)).transpose()
}
