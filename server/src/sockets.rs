//! Socket.IO on engineioxide's transports: who is connected, what they send, how they are answered.

pub(crate) mod ack;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod engine;
pub(crate) mod events;
pub(crate) mod expiry;
pub(crate) mod guests;
pub(crate) mod handshake;
pub(crate) mod hub;
pub(crate) mod lane;
pub(crate) mod namespace;
pub(crate) mod packet;
