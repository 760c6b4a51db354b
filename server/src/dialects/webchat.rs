//! `webchat`: colon events on `/`, REST under `/api/chats` and `/api/users` (the wire contract, §3.3).

mod objects;
mod people;
mod routes;

pub(super) use routes::router;
