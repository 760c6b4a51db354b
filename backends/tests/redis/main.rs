//! The Redis adapter against a real Redis or Valkey (`TEST_REDIS_URL`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod admission;
#[path = "../shared/cuttable_link.rs"]
#[allow(
    dead_code,
    reason = "what one kind of backend needs of it, another does not"
)]
mod cuttable_link;
mod dedup;
mod fanout;
mod fixture;
mod heartbeat;
mod members;
mod outage;
mod presence;
mod rate_limit;
mod ring;
mod spam;
