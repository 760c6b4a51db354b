//! `/rooms/:id/messages`: sending and reading.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json as JsonAnswer, Router};
use chat_core::ids::{JobId, RoomId};
use chat_core::protocol::client::MessageSend;
use chat_core::protocol::objects::Message;
use chat_processor::commands::history::{self, Query};
use chat_processor::commands::send_message;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id, parse_value};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/rooms/{id}/messages", get(page).post(send))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Queued {
    status: &'static str,
    client_msg_id: String,
    job_id: JobId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    messages: Vec<Message>,
    has_more: bool,
    next_after_seq: i64,
    last_seq: i64,
}

async fn send(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    Json(mut body): Json<Map<String, Value>>,
) -> Result<(StatusCode, JsonAnswer<Queued>), Problem> {
    let room: RoomId = id("id", &room)?;
    body.insert("roomId".to_owned(), Value::String(room.to_string()));
    let send: MessageSend = parse_value(Value::Object(body))?;
    let checked = send_message::check(&app.context, &caller.actor(&app), send).await?;
    app.dispatcher.dispatch(checked.job).await?;
    let queued = Queued {
        status: "QUEUED",
        client_msg_id: checked.client_msg_id,
        job_id: checked.first_job,
    };
    Ok((StatusCode::ACCEPTED, JsonAnswer(queued)))
}

async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    params: Params,
) -> Result<JsonAnswer<Page>, Problem> {
    let room: RoomId = id("id", &room)?;
    let query = Query {
        after_seq: params.parsed("after_seq")?,
        before_seq: params.parsed("before_seq")?,
        limit: params.parsed("limit")?,
        full: params.text("fields") == Some("full"),
    };
    let history = history::run(&app.context, caller.identity.user_id, room, &query).await?;
    Ok(JsonAnswer(Page {
        messages: history.page.messages,
        has_more: history.page.has_more,
        next_after_seq: history.page.next_after_seq,
        last_seq: history.page.last_seq,
    }))
}
