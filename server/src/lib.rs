//! The gateway of ChatCluster: REST, Socket.IO, the chat page's files.
//!
//! It authenticates, parses, calls the processor's commands and translates their answers. The rules of the chat live
//! there, the tables in the backends; nothing here decides who may do what.

mod announce;
mod app;
mod auth;
mod batched;
pub mod config;
mod delivery;
mod dialects;
mod dispatch;
mod drain;
mod health;
mod http;
mod metrics;
mod monitoring;
mod openapi;
mod presence;
mod routes;
mod run;
mod sending;
mod shedding;
mod sockets;
pub mod turn;
mod uploads;
mod web;

pub use openapi::{asyncapi, openapi};
pub use run::run;
