//! The REST routes, one file a group (the wire contract, §1.2, §1.8 and §2.5).

pub(crate) mod admin;
mod api_docs;
mod attachments;
pub(crate) mod auth;
mod bans;
mod calls;
mod drafts;
mod exports;
mod friends;
mod health;
mod me;
mod message_acts;
mod messages;
mod metrics;
mod monitoring;
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
        .merge(exports::router())
        .merge(drafts::router())
        .merge(bans::router())
        .merge(admin::router())
        .merge(attachments::router())
        .merge(read::router())
        .merge(presence::router())
        .merge(push::router())
        .merge(sessions::router());
    Router::new()
        .merge(health::router())
        .merge(metrics::router())
        .merge(api_docs::router())
        .merge(monitoring::router())
        .nest("/auth", auth::router())
        .nest("/api/v1/auth", auth::router())
        .nest("/api/v1", canonical)
        .merge(dialects::router())
}

/// Those that may take as long as a slow line needs.
pub(crate) fn uploads() -> Router<Arc<App>> {
    Router::new().nest("/api/v1", attachments::uploads())
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
