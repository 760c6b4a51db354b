//! The REST routes, one file a group (the wire contract, §1.2, §1.8 and §2.5).

mod admin;
pub(crate) mod auth;
mod calls;
mod friends;
mod health;
mod me;
mod message_acts;
mod messages;
mod metrics;
mod presence;
mod push;
mod read;
mod reports;
mod room_acts;
pub(crate) mod rooms;
mod search;
mod sessions;
mod stories;
pub(crate) mod users;

use std::sync::Arc;

use axum::Router;
use serde::Serialize;

use crate::app::App;
use crate::dialects;

/// All of them.
pub(crate) fn router() -> Router<Arc<App>> {
    let canonical = Router::new()
        .merge(me::router())
        .merge(users::router())
        .merge(rooms::router())
        .merge(room_acts::router())
        .merge(messages::router())
        .merge(message_acts::router())
        .merge(search::router())
        .merge(friends::router())
        .merge(calls::router())
        .merge(stories::router())
        .merge(reports::router())
        .merge(admin::router())
        .merge(read::router())
        .merge(presence::router())
        .merge(push::router())
        .merge(sessions::router());
    Router::new()
        .merge(health::router())
        .merge(metrics::router())
        .nest("/auth", auth::router())
        .nest("/api/v1/auth", auth::router())
        .nest("/api/v1", canonical)
        .merge(dialects::router())
}

/// The answer of routes that list something.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct List<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A list that has no further page.
    const fn whole(data: Vec<T>) -> Self {
        Self {
            data,
            next_cursor: None,
        }
    }
}
