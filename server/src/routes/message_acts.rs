//! `/messages/:id` and what can be done to a message: edit, delete, pin, react, forward; its thread, a room's pins.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use axum::{Json as JsonAnswer, Router};
use chat_core::error::Refusal;
use chat_core::ids::{MessageId, RoomId};
use chat_core::protocol::client::{
    DeleteScope, MessageDelete, MessageEdit, MessageForward, MessagePin, MessageReact, Thread,
};
use chat_core::protocol::objects::Message;
use chat_processor::commands::{
    delete_message, edit_message, forward, message_access, pin_message, react, thread,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/messages/{id}", get(show).patch(edit).delete(delete))
        .route("/messages/{id}/pin", put(pin).delete(unpin))
        .route(
            "/messages/{id}/reactions/{emoji}",
            put(add_reaction).delete(remove_reaction),
        )
        .route("/messages/{id}/forward", post(forward_to))
        .route("/messages/{id}/thread", get(answers))
        .route("/rooms/{id}/pins", get(pins))
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ForwardTo {
    room_ids: Vec<RoomId>,
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Serialize)]
struct Queued {
    status: &'static str,
    jobs: Vec<Part>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    room_id: RoomId,
    source_message_id: Option<MessageId>,
    client_msg_id: String,
}

type Shown = Result<JsonAnswer<Message>, Problem>;

async fn show(State(app): State<Arc<App>>, caller: Caller, Path(message): Path<String>) -> Shown {
    let message: MessageId = id("id", &message)?;
    message_access::of_message_or_tombstone(&app.context, &caller.actor(&app), message).await?;
    let shown = message_access::view(&app.context, caller.identity.user_id, message).await?;
    Ok(JsonAnswer(shown))
}

async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(message): Path<String>,
    Json(Content { content }): Json<Content>,
) -> Shown {
    let edit = MessageEdit {
        message_id: id("id", &message)?,
        content,
    };
    let edited = edit_message::run(&app.context, &caller.actor(&app), edit).await?;
    Ok(JsonAnswer(edited))
}

async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(message): Path<String>,
    params: Params,
) -> Result<StatusCode, Problem> {
    let scope = match params.text("scope") {
        None | Some("all") => DeleteScope::All,
        Some("me") => DeleteScope::Me,
        Some(_) => return Err(Refusal::invalid("scope", "invalid", "must be me or all").into()),
    };
    let delete = MessageDelete {
        message_id: id("id", &message)?,
        scope,
    };
    delete_message::run(&app.context, &caller.actor(&app), delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pin(State(app): State<Arc<App>>, caller: Caller, Path(message): Path<String>) -> Shown {
    let pin = MessagePin {
        message_id: id("id", &message)?,
    };
    let pinned = pin_message::run(&app.context, &caller.actor(&app), pin).await?;
    Ok(JsonAnswer(pinned))
}

async fn unpin(State(app): State<Arc<App>>, caller: Caller, Path(message): Path<String>) -> Shown {
    let pin = MessagePin {
        message_id: id("id", &message)?,
    };
    let unpinned = pin_message::run_unpin(&app.context, &caller.actor(&app), pin).await?;
    Ok(JsonAnswer(unpinned))
}

async fn add_reaction(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((message, emoji)): Path<(String, String)>,
) -> Shown {
    change_reaction(&app, &caller, &message, emoji, false).await
}

async fn remove_reaction(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((message, emoji)): Path<(String, String)>,
) -> Shown {
    change_reaction(&app, &caller, &message, emoji, true).await
}

async fn change_reaction(
    app: &App,
    caller: &Caller,
    message: &str,
    emoji: String,
    remove: bool,
) -> Shown {
    let reaction = MessageReact {
        message_id: id("id", message)?,
        emoji,
        remove,
    };
    let changed = react::run(&app.context, &caller.actor(app), reaction).await?;
    Ok(JsonAnswer(changed))
}

async fn forward_to(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(message): Path<String>,
    Json(to): Json<ForwardTo>,
) -> Result<(StatusCode, JsonAnswer<Queued>), Problem> {
    let request = MessageForward {
        message_ids: vec![id("id", &message)?],
        room_ids: to.room_ids,
        comment: to.comment,
    };
    let forwarded = forward::check(&app.context, &caller.actor(&app), request).await?;
    let mut jobs = Vec::with_capacity(forwarded.len());
    let mut started = Vec::with_capacity(forwarded.len());
    for part in forwarded {
        started.push(app.dispatcher.start(part.job));
        jobs.push(Part {
            room_id: part.room_id,
            source_message_id: part.source_message_id,
            client_msg_id: part.client_msg_id,
        });
    }
    for job in started {
        app.dispatcher.finish(job).await?;
    }
    let queued = Queued {
        status: "QUEUED",
        jobs,
    };
    Ok((StatusCode::ACCEPTED, JsonAnswer(queued)))
}

async fn answers(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(message): Path<String>,
    params: Params,
) -> Result<JsonAnswer<List<Message>>, Problem> {
    let asked = Thread {
        message_id: id("id", &message)?,
        after_seq: params.parsed("cursor")?,
        limit: params.parsed("limit")?,
    };
    let answers = thread::run(&app.context, &caller.actor(&app), asked).await?;
    Ok(JsonAnswer(List {
        data: answers.messages,
        next_cursor: answers.next_after_seq.map(|seq| seq.to_string()),
    }))
}

async fn pins(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<JsonAnswer<List<Message>>, Problem> {
    let room: RoomId = id("id", &room)?;
    let pinned = pin_message::list(&app.context, caller.identity.user_id, room).await?;
    Ok(JsonAnswer(List::whole(pinned)))
}
