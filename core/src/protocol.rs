//! The canonical protocol (the wire contract, §2): what clients send, what they hear, and the objects in both.

pub mod client;
pub mod objects;
pub mod server;
