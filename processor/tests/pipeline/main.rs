//! The pipeline against real backends, given by `TEST_DATABASE_URL`, `TEST_REDIS_URL` and `TEST_RABBITMQ_URL`: jobs by the
//! real publisher, real workers, rows in Postgres, events heard through Redis.
//!
//! Each test has a database and queues of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

mod derived;
mod direct;
mod dlq_program;
mod event_log;
mod failures;
mod interleavings;
mod model;
mod outages;
mod partitions;
mod priorities;
mod programs;
mod push;
mod resume;
mod rotation;
mod sends;
mod shares;
mod shutdown;
mod stage;
