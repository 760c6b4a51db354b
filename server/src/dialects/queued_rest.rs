//! `queued-rest`: REST under `/chats` that answers once a send is queued, and events on `/chat`; its clients send none
//! (the wire contract, §3.4).

mod objects;
mod routes;
mod spelling;

pub(super) use routes::router;
pub(super) use spelling::translate;
