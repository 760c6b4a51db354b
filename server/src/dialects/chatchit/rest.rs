//! The legacy REST of `chatchit` and `realtime-server`: other paths and envelopes for the same commands (the wire
//! contract, §3.2).

mod admin;
mod conversations;
mod envelope;
mod friends;
mod messages;
mod paging;
mod story;
mod users;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// All of its routes.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .merge(messages::router())
        .merge(admin::router())
        .merge(conversations::router())
        .merge(users::router())
        .merge(friends::router())
        .merge(story::router())
}
