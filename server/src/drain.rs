//! Leaving without a stampede: sockets are told when to reconnect, spread over a while, and closed then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_core::time::Timestamp;
use rand::RngExt;
use serde::Serialize;
use tokio::time::Instant;

use crate::app::App;

/// How often due sockets are closed.
const BATCH_EVERY: Duration = Duration::from_millis(100);

/// Time given for each socket, up to the window: few sockets need no long goodbye.
const PER_SOCKET: Duration = Duration::from_millis(5);

/// Even one client gets a moment to read the notice.
const AT_LEAST: Duration = Duration::from_millis(300);

/// Whether this gateway is leaving.
#[derive(Default)]
pub(crate) struct Drain {
    draining: AtomicBool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Draining {
    reason: &'static str,
    reconnect_in_ms: u64,
    deadline: Timestamp,
}

impl Drain {
    /// Whether this gateway is leaving: not ready, and no place for new sockets.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on nobody new comes in.
    pub(crate) fn start(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

/// Tells every socket, closes each when its time has come, and returns when the last is closed.
pub(crate) async fn sockets(app: &App) {
    let clients = app.hub.clients();
    let spread = spread(clients.len(), app.config.drain_window);
    tracing::info!(
        sockets = clients.len(),
        spread_ms = spread.as_millis(),
        "draining"
    );
    let start = Instant::now();
    let deadline = Timestamp::now() + spread;
    let mut leaving: Vec<_> = clients
        .into_iter()
        .map(|client| {
            let wait = spread.mul_f64(rand::rng().random_range(0.0..1.0));
            client.emit(
                "server.draining",
                &Draining {
                    reason: "shutdown",
                    reconnect_in_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                    deadline,
                },
            );
            (wait.max(AT_LEAST.min(spread)), client)
        })
        .collect();
    leaving.sort_by_key(|(wait, _)| std::cmp::Reverse(*wait));
    while !leaving.is_empty() {
        while leaving
            .last()
            .is_some_and(|(wait, _)| *wait <= start.elapsed())
        {
            if let Some((_, client)) = leaving.pop() {
                client.close_transport();
            }
        }
        if !leaving.is_empty() {
            tokio::time::sleep(BATCH_EVERY).await;
        }
    }
    // Who slipped in between the list and the closed door.
    for client in app.hub.clients() {
        client.close_transport();
    }
}

fn spread(sockets: usize, window: Duration) -> Duration {
    if sockets == 0 {
        return Duration::ZERO;
    }
    let wanted = PER_SOCKET.saturating_mul(u32::try_from(sockets).unwrap_or(u32::MAX));
    // A fifth of the window is left for what is in flight.
    wanted.max(AT_LEAST).min(window.mul_f64(0.8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sockets_leave_soon_and_many_within_the_window() {
        let window = Duration::from_secs(20);
        assert_eq!(spread(0, window), Duration::ZERO);
        assert_eq!(spread(1, window), AT_LEAST);
        assert_eq!(spread(1000, window), Duration::from_secs(5));
        assert_eq!(spread(1_000_000, window), Duration::from_secs(16));
        assert_eq!(
            spread(9, Duration::from_millis(100)),
            Duration::from_millis(80)
        );
    }
}
