//! The RabbitMQ adapter against a real broker (`TEST_RABBITMQ_URL`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod consumer;
#[path = "../shared/cuttable_link.rs"]
#[allow(
    dead_code,
    reason = "what one kind of backend needs of it, another does not"
)]
mod cuttable_link;
mod dead_letters;
mod depth;
mod event_log;
mod fixture;
mod publisher;
