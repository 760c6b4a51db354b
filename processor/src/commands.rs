//! The acts, one file each. A rule of the chat lives here (or in a store) and nowhere else; gateways and dialects translate.
//!
//! A queued act has a `check` (everything that can be refused, before the client's ack) and an `apply` (in the worker's
//! transaction). A direct act has a `run`.

pub mod access;
pub mod admin;
pub mod admission;
pub mod announce_room;
pub mod ban_member;
pub mod block;
pub mod call;
pub mod call_message;
pub mod call_signal;
pub mod call_steps;
pub mod change_role;
pub mod commit;
pub mod contacts;
pub mod create_room;
pub mod delete_message;
pub mod delete_room;
pub mod deserted_call;
pub mod draft;
pub mod edit_message;
pub mod end_sessions;
pub mod export;
pub mod forward;
pub mod friend;
pub mod history;
pub mod initiate_call;
pub mod invite;
pub mod join_room;
pub mod leave_room;
pub mod mark_delivered;
pub mod membership;
pub mod message_access;
pub mod mute_room;
pub mod pin_message;
pub mod profile;
pub mod push_subscription;
pub mod react;
pub mod read;
pub mod report;
pub mod resume;
pub mod roles;
pub mod search;
pub mod send_message;
pub mod set_presence;
pub mod story;
pub mod text;
pub mod thread;
pub mod typing;
pub mod unread;
pub mod update_room;
