//! The Redis adapter against a real Redis or Valkey (`TEST_REDIS_URL`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod admission;
mod dedup;
mod fanout;
mod fixture;
mod graph;
mod heartbeat;
mod members;
mod outage;
mod presence;
mod rate_limit;
mod ring;
mod spam;
