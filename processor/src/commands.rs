//! The acts, one file each. A rule of the chat lives here (or in a store) and nowhere else; gateways and dialects translate.
//!
//! A queued act has a `check` (everything that can be refused, before the client's ack) and an `apply` (in the worker's
//! transaction). A direct act has a `run`.

pub mod access;
pub mod announce_room;
pub mod create_room;
pub mod history;
pub mod read;
pub mod resume;
pub mod send_message;
pub mod set_presence;
pub mod text;
pub mod typing;
