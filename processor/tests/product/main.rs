//! The product's rules against a real Postgres and Redis, given by `TEST_DATABASE_URL` and `TEST_REDIS_URL`: who may do
//! what, what is stored, and who hears of it. Each test has a database of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

mod accounts;
mod calls;
mod data_rights;
mod forwards;
mod members;
mod messages;
mod moderation;
mod people;
mod presence;
mod rooms;
mod scene;
mod searches;
mod standing;
mod stories;
