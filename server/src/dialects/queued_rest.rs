//! `queued-rest`: REST under `/chats` that answers once a send is queued, and events on `/chat` (the wire contract, §3.4).

mod objects;
mod routes;

pub(super) use routes::router;
