//! The RabbitMQ adapter against a real broker (`TEST_RABBITMQ_URL`).
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod consumer;
mod dead_letters;
mod depth;
mod event_log;
mod fixture;
mod publisher;
