//! Flows through the real gateway and a real processor, on real backends: see `harness` for what they need.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

mod accounts;
mod acts;
mod attachments;
mod broker_outage;
mod delivery;
mod drain;
mod harness;
mod http_edges;
mod leaving;
mod live_order;
mod lost_publish;
mod lost_redis;
mod monitoring;
mod presence;
mod program;
mod protocol_edges;
mod push;
mod sessions;
mod shedding;
mod socket;
mod trace;
