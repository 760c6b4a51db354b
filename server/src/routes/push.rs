//! `/push`: subscribing browsers to Web Push.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use axum::{Json as JsonAnswer, Router};
use chat_core::error::ErrorCode;
use chat_core::ids::PushSubscriptionId;
use chat_processor::commands::push_subscription::{self, Subscribe};
use http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/push/vapid-key", get(vapid_key))
        .route("/push/subscriptions", post(subscribe))
        .route("/push/subscriptions/{id}", delete(unsubscribe))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    public_key: String,
}

#[derive(Serialize)]
struct Subscribed {
    id: PushSubscriptionId,
}

async fn vapid_key(
    State(app): State<Arc<App>>,
    _caller: Caller,
) -> Result<JsonAnswer<Key>, Problem> {
    match &app.config.vapid {
        Some(vapid) => Ok(JsonAnswer(Key {
            public_key: vapid.public_key().to_owned(),
        })),
        None => Err(not_set_up()),
    }
}

async fn subscribe(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(given): Json<Subscribe>,
) -> Result<(StatusCode, JsonAnswer<Subscribed>), Problem> {
    if app.config.vapid.is_none() {
        return Err(not_set_up());
    }
    let id = push_subscription::subscribe(&app.context, &caller.actor(&app), given).await?;
    Ok((StatusCode::CREATED, JsonAnswer(Subscribed { id })))
}

async fn unsubscribe(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(subscription): Path<String>,
) -> Result<StatusCode, Problem> {
    let subscription: PushSubscriptionId = id("id", &subscription)?;
    push_subscription::unsubscribe(&app.context, &caller.actor(&app), subscription).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn not_set_up() -> Problem {
    Problem::new(ErrorCode::NotFound, "Web Push is not set up here.")
}
