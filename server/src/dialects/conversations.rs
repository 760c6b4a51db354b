//! `conversations`: snake_case REST under `/api/users`, `/api/chats/conversations` and `/api/messages`, live events on
//! `/ws` (the wire contract, §3.5).

mod accounts;
mod invites;
mod messages;
mod objects;
mod rooms;
mod session;
mod spelling;

use std::sync::Arc;

use axum::Router;

pub(crate) use self::session::{Event, handle};
pub(super) use self::spelling::translate;
use crate::app::App;

/// The routes, from the root.
pub(super) fn router() -> Router<Arc<App>> {
    let conversations = Router::new()
        .merge(rooms::router())
        .merge(invites::router())
        .merge(messages::read_router());
    Router::new()
        .nest("/api/users", accounts::router())
        .nest("/api/chats/conversations", conversations)
        .nest("/api/messages/conversations", messages::router())
}
