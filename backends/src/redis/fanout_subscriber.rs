//! Fan-out, the receiving side: one pub/sub connection a gateway, subscribed to what its own sockets need.
//!
//! Nobody notices by silence that a subscription is dead, so the subscriber proves the whole path every two seconds
//! with a message to itself (publish → receive). After any loss it subscribes to everything again and says so: what
//! was published meanwhile is gone, and the owner makes its sockets catch up.

mod session;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::session::Session;
use super::Redis;

/// Orders that may wait for the connection.
const ORDERS: usize = 1024;
/// Messages that may wait for the owner.
const EVENTS: usize = 8192;
/// How long the owner may leave the messages waiting before it is told to catch up instead.
const OWNER_PATIENCE: Duration = Duration::from_secs(1);
/// How long an order may take.
const ORDER_TIMEOUT: Duration = Duration::from_secs(2);
/// First pause before connecting again.
const RECONNECT_MIN: Duration = Duration::from_millis(50);
/// Longest pause before connecting again.
const RECONNECT_MAX: Duration = Duration::from_secs(1);

/// What the owner hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FanoutEvent {
    /// A message on a channel that is subscribed to.
    Message {
        /// The channel's name.
        channel: String,
        /// What was published.
        payload: Vec<u8>,
    },
    /// Messages may have been missed on every channel up to now: let the sockets catch up. All subscriptions stand.
    Missed,
}

/// A subscription was not confirmed; it is kept in mind and made when Redis is back, which [`FanoutEvent::Missed`]
/// announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subscription is not confirmed yet")]
pub struct NotSubscribed;

/// Orders subscriptions; clones share one connection.
#[derive(Clone)]
pub struct FanoutSubscriber {
    orders: mpsc::Sender<Order>,
    healthy: Arc<AtomicBool>,
}

/// A change of subscriptions.
struct Order {
    change: Change,
    channels: Vec<String>,
    done: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Subscribe,
    Unsubscribe,
}

impl FanoutSubscriber {
    /// Starts connecting, and goes on until `shutdown`; the task is `tasks`' to await.
    ///
    /// `gateway_id` names the channel of the gateway's messages to itself.
    pub fn start(
        redis: &Redis,
        gateway_id: &str,
        tasks: &TaskTracker,
        shutdown: CancellationToken,
    ) -> (Self, mpsc::Receiver<FanoutEvent>) {
        let (orders, incoming) = mpsc::channel(ORDERS);
        let (events, receiver) = mpsc::channel(EVENTS);
        let healthy = Arc::new(AtomicBool::new(false));
        let supervisor = Supervisor {
            redis: redis.clone(),
            canary: format!("chat:fanout:canary:{gateway_id}"),
            orders: incoming,
            events,
            wanted: HashSet::new(),
            healthy: Arc::clone(&healthy),
        };
        tasks.spawn(async move {
            shutdown.run_until_cancelled(supervisor.run()).await;
        });
        (Self { orders, healthy }, receiver)
    }

    /// Subscribes and returns once Redis has confirmed it: from then on nothing on the channels is missed, so a
    /// room's head is to be read after this.
    ///
    /// # Errors
    /// [`NotSubscribed`] if Redis is away; the subscription is made later all the same.
    pub async fn subscribe(&self, channels: Vec<String>) -> Result<(), NotSubscribed> {
        if channels.is_empty() {
            return Ok(());
        }
        let (done, confirmed) = oneshot::channel();
        let order = Order {
            change: Change::Subscribe,
            channels,
            done: Some(done),
        };
        self.orders.send(order).await.map_err(|_| NotSubscribed)?;
        match tokio::time::timeout(ORDER_TIMEOUT, confirmed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotSubscribed),
        }
    }

    /// Unsubscribes; messages that are under way may still come.
    pub async fn unsubscribe(&self, channels: Vec<String>) {
        let order = Order {
            change: Change::Unsubscribe,
            channels,
            done: None,
        };
        // Fails only when the subscriber has ended, and with it every subscription.
        drop(self.orders.send(order).await);
    }

    /// Whether a message to itself came back lately: if not, this gateway is deaf and must not be called ready.
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }
}

/// Keeps a session with Redis going and knows what must be subscribed to.
struct Supervisor {
    redis: Redis,
    canary: String,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<FanoutEvent>,
    wanted: HashSet<String>,
    healthy: Arc<AtomicBool>,
}

impl Supervisor {
    async fn run(mut self) {
        let mut pause = RECONNECT_MIN;
        let mut first = true;
        while !self.events.is_closed() {
            match Session::open(&self.redis, &self.canary, &self.wanted).await {
                Ok(session) => {
                    pause = RECONNECT_MIN;
                    if !first && self.events.send(FanoutEvent::Missed).await.is_err() {
                        return;
                    }
                    first = false;
                    let reason = session.run(&mut self).await;
                    self.healthy.store(false, Ordering::Relaxed);
                    tracing::warn!(%reason, "the fan-out subscription broke");
                }
                Err(error) => {
                    tracing::warn!(%error, retry_in_ms = pause.as_millis(), "no fan-out subscription");
                    self.wait(pause).await;
                    pause = (pause * 2).min(RECONNECT_MAX);
                }
            }
        }
    }

    /// Takes orders down while there is no connection; whoever waits for a confirmation is let go at once.
    async fn wait(&mut self, pause: Duration) {
        let deadline = tokio::time::Instant::now() + pause;
        while let Ok(Some(order)) = tokio::time::timeout_at(deadline, self.orders.recv()).await {
            self.note(&order);
        }
        tokio::time::sleep_until(deadline).await;
    }

    fn note(&mut self, order: &Order) {
        for channel in &order.channels {
            match order.change {
                Change::Subscribe => self.wanted.insert(channel.clone()),
                Change::Unsubscribe => self.wanted.remove(channel),
            };
        }
    }
}
