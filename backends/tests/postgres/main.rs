//! The stores against a real Postgres, given by `TEST_DATABASE_URL`. Each test makes a database of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

mod acts;
mod append;
mod calls;
mod database;
mod files;
mod friendship;
mod groups;
mod history;
mod order;
mod people;
mod plans;
mod schema;
mod search;
mod sessions;
mod standing;
mod unread;
