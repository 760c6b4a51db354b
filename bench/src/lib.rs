//! What measuring a chat and breaking it have in common: light clients, servers of one's own on loopback, links that can
//! be cut. Nothing here judges: `chat-bench` measures, `chat-faults` checks.
#![forbid(unsafe_code)]

pub mod backends;
pub mod client;
pub mod deployment;
pub mod link;
pub mod people;
pub mod percentiles;
pub mod process;
