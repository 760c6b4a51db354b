//! Web Push: from a planned delivery to the push service of the member's browser (RFC 8030, 8291, 8292).
//!
//! What the `notifications` group plans is stored; here it is sent, by every processor, each delivery by one. A push
//! service is a stranger's address that a user gave us: it is reached over HTTPS at public addresses only, and nothing that
//! it answers is read but the status.

pub mod client;
pub mod encryption;
pub mod endpoint;
pub mod sender;
pub mod vapid;
