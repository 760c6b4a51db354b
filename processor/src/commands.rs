//! The acts, one file each. A rule of the chat lives here (or in a store) and nowhere else; gateways and dialects translate.
//!
//! A queued act has a `check` (everything that can be refused, before the client's ack) and an `apply` (in the worker's
//! transaction). A direct act has a `run`.

pub mod access;
pub mod announce_room;
pub mod change_role;
pub mod commit;
pub mod create_room;
pub mod delete_message;
pub mod delete_room;
pub mod edit_message;
pub mod forward;
pub mod history;
pub mod leave_room;
pub mod membership;
pub mod message_access;
pub mod mute_room;
pub mod pin_message;
pub mod react;
pub mod read;
pub mod resume;
pub mod roles;
pub mod send_message;
pub mod set_presence;
pub mod text;
pub mod thread;
pub mod typing;
pub mod unread;
pub mod update_room;
