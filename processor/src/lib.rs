//! The EventProcessor: takes jobs off the queues, commits them in batches, tells the gateways.
//!
//! The library is also the gateway's: the `commands` hold every rule of the chat, and [`direct`] does a job without the
//! broker while that is away. It must not know HTTP or sockets.

pub mod actor;
pub mod commands;
pub mod config;
pub mod context;
pub mod direct;
pub mod domain_events;
pub mod effects;
pub mod execute;
pub mod exports;
pub mod failure;
pub mod groups;
pub mod housekeeping;
pub mod http;
pub mod order;
pub mod outbox;
pub mod push;
pub mod run;
mod stale;
pub mod telemetry;
pub mod trace;
pub mod worker;
