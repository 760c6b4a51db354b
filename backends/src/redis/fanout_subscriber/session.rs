//! The subscriber's life on one connection.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::redis::aio::{PubSubSink, PubSubStream};
use ::redis::{Msg, RedisResult};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{Change, FanoutEvent, ORDER_TIMEOUT, OWNER_PATIENCE, Order, Supervisor};
use crate::redis::Redis;

/// How often the path is proven.
const CANARY_EVERY: Duration = Duration::from_secs(2);
/// Without a message to itself for this long the connection is given up: noticed, with its repair, within ten seconds.
const DEAF_AFTER: Duration = Duration::from_secs(6);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Channels of one command.
const CHUNK: usize = 500;
/// Orders taken at a time: many joins make one command.
const TAKE: usize = 64;

/// Why a session can't be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("Redis failed: {0}")]
    Redis(#[from] ::redis::RedisError),
    #[error("Redis did not answer in time")]
    Timeout,
}

/// One pub/sub connection with everything wanted subscribed.
pub(super) struct Session {
    sink: PubSubSink,
    stream: PubSubStream,
    canary: String,
    heard: Instant,
}

impl Session {
    pub(super) async fn open(
        redis: &Redis,
        canary: &str,
        wanted: &HashSet<String>,
    ) -> Result<Self, OpenError> {
        let pubsub = timeout(CONNECT_TIMEOUT, redis.client.get_async_pubsub())
            .await
            .map_err(|_| OpenError::Timeout)??;
        let (mut sink, stream) = pubsub.split();
        let mut channels: Vec<&str> = wanted.iter().map(String::as_str).collect();
        channels.push(canary);
        for chunk in channels.chunks(CHUNK) {
            timeout(ORDER_TIMEOUT, sink.subscribe(chunk))
                .await
                .map_err(|_| OpenError::Timeout)??;
        }
        Ok(Self {
            sink,
            stream,
            canary: canary.to_owned(),
            heard: Instant::now(),
        })
    }

    /// Works until the connection ends; says why it ended.
    pub(super) async fn run(mut self, supervisor: &mut Supervisor) -> &'static str {
        let mut canary = interval(CANARY_EVERY);
        canary.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut orders = Vec::with_capacity(TAKE);
        let mut sending: BoxFuture<'static, ()> = futures::future::ready(()).boxed();
        let mut sent = true;
        loop {
            tokio::select! {
                () = &mut sending, if !sent => sent = true,
                message = self.stream.next() => match message {
                    None => return "the connection is gone",
                    Some(message) => if let Err(reason) = self.pass_on(message, supervisor).await {
                        return reason;
                    },
                },
                count = supervisor.orders.recv_many(&mut orders, TAKE) => {
                    if count == 0 {
                        return "the owner is gone";
                    }
                    if !self.obey(&mut orders, supervisor).await {
                        return "Redis did not confirm a subscription";
                    }
                },
                _ = canary.tick() => {
                    if self.heard.elapsed() > DEAF_AFTER {
                        return "no message came back";
                    }
                    if sent {
                        sending = send_canary(supervisor.redis.clone(), self.canary.clone()).boxed();
                        sent = false;
                    }
                }
            }
        }
    }

    async fn pass_on(&mut self, message: Msg, supervisor: &Supervisor) -> Result<(), &'static str> {
        if message.get_channel_name() == self.canary {
            self.heard = Instant::now();
            supervisor.healthy.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let event = FanoutEvent::Message {
            channel: message.get_channel_name().to_owned(),
            payload: message.get_payload_bytes().to_vec(),
        };
        match supervisor.events.send_timeout(event, OWNER_PATIENCE).await {
            Ok(()) => Ok(()),
            // The message is dropped and the connection with it: the owner hears that it missed something.
            Err(_) => Err("the owner does not keep up"),
        }
    }

    /// Carries out orders, those of one kind with one command; `false` if the connection failed.
    async fn obey(&mut self, orders: &mut Vec<Order>, supervisor: &mut Supervisor) -> bool {
        for order in orders.iter() {
            supervisor.note(order);
        }
        let mut rest = orders.as_mut_slice();
        while let Some(first) = rest.first() {
            let change = first.change;
            let run = rest.iter().take_while(|o| o.change == change).count();
            let (same, later) = rest.split_at_mut(run);
            let channels: Vec<&str> = same
                .iter()
                .flat_map(|order| order.channels.iter().map(String::as_str))
                .collect();
            for chunk in channels.chunks(CHUNK) {
                if !matches!(
                    timeout(ORDER_TIMEOUT, self.command(change, chunk)).await,
                    Ok(Ok(()))
                ) {
                    orders.clear();
                    return false;
                }
            }
            for order in same {
                if let Some(done) = order.done.take() {
                    // Nobody listens any more after the caller's timeout.
                    let _ = done.send(());
                }
            }
            rest = later;
        }
        orders.clear();
        true
    }

    async fn command(&mut self, change: Change, channels: &[&str]) -> RedisResult<()> {
        match change {
            Change::Subscribe => self.sink.subscribe(channels).await,
            Change::Unsubscribe => self.sink.unsubscribe(channels).await,
        }
    }
}

/// Publishes over the other connection, as processors do; the answer is the message that comes back.
async fn send_canary(redis: Redis, canary: String) {
    let sent = ::redis::cmd("PUBLISH")
        .arg(canary)
        .arg("")
        .exec_async(&mut redis.connection())
        .await;
    if let Err(error) = sent {
        tracing::debug!(%error, "the canary could not be sent");
    }
}
