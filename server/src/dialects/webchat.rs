//! `webchat`: colon events on `/`, REST under `/api/chats` and `/api/users` (the wire contract, §3.3).

mod chats;
mod events;
mod messages;
mod objects;
mod people;
mod routes;
mod spelling;
mod users;

pub(crate) use events::{Event, handle};
pub(super) use routes::router;
pub(super) use spelling::translate;
