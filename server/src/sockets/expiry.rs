//! Tokens that expire while their sockets live: the client is told and sent away, unless it refreshed in time.

use std::sync::Arc;
use std::time::Duration;

use chat_core::time::Timestamp;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::engine;
use crate::app::App;

/// How often all sockets are looked over; a timer for each would cost more memory than this costs time.
const EVERY: Duration = Duration::from_secs(1);

/// Works until `stop`.
pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let now = Timestamp::now();
        for client in app.hub.clients_where(|client| client.is_expired(now)) {
            client.emit("session.expired", &serde_json::json!({}));
            client.disconnect();
            engine::forget(&app, &client);
        }
    }
}
