//! The stores against a real Postgres, given by `TEST_DATABASE_URL`. Each test makes a database of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

mod append;
mod database;
mod groups;
mod history;
mod people;
mod schema;
mod sessions;
mod unread;
