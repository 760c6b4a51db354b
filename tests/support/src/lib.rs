//! What the tests against real backends have in common: where the backends are, a database and queues of a test's own, a
//! link that can be cut, and patience.
//!
//! `TEST_DATABASE_URL`, `TEST_REDIS_URL` and `TEST_RABBITMQ_URL` name servers that tests may use; without them the
//! tests fail.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

pub mod cuttable_link;
pub mod database;
pub mod event_log;
pub mod queues;

use std::time::Duration;

/// Longest time that anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The variable that names a backend.
///
/// # Panics
/// If it is not set.
#[must_use]
pub fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; set it to a backend that tests may use"))
}

/// Asks until the answer is yes.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    until(what, async || is_so().await.then_some(())).await;
}

/// Asks until there is an answer.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}
