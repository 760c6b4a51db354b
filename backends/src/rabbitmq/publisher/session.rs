//! The publisher's life on one connection: writes jobs and matches confirms and returns to them.
//!
//! One task does all of it, for two reasons that lie in the driver:
//! * the number of a publish and its place in the output are taken in two steps; two tasks on one channel could
//!   swap them, and then confirms would belong to the wrong job;
//! * a returned message is attached to whichever confirm is resolved next, not to its own. So every confirm that is
//!   ready is collected before any is believed, and returns are matched by message id.

use std::collections::HashSet;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{IN_FLIGHT, Outgoing, PublishError, Refusal, Waiting};
use crate::config::RabbitConfig;
use crate::rabbitmq::{Broker, BrokerError};

/// How often the connection's state is looked at when nothing happens.
const WATCH_EVERY: Duration = Duration::from_millis(200);
/// Silence of the broker, with jobs waiting for it, after which the connection is given up.
const STALL: Duration = Duration::from_secs(5);
/// How long the confirms of what was written are awaited at the end.
const LAST_CONFIRMS: Duration = Duration::from_secs(2);
/// Jobs taken from the queue at a time.
const TAKE: usize = 128;

/// The channels of one connection.
pub(super) struct Session {
    broker: Broker,
    exchange: ShortString,
    /// With publisher confirms: jobs that must not get lost.
    confirmed: Channel,
    /// Without: typing and presence.
    fleeting: Channel,
    in_flight: FuturesUnordered<BoxFuture<'static, Settled>>,
    /// Ids of messages that came back and whose own confirm is still to come.
    returned: HashSet<ShortString>,
    last_progress: Instant,
}

/// A job whose publishing came to an end.
struct Settled {
    message_id: Option<ShortString>,
    waiting: Waiting,
    result: lapin::Result<Confirmation>,
}

impl Session {
    pub(super) async fn open(broker: &Broker, config: &RabbitConfig) -> Result<Self, BrokerError> {
        Ok(Self {
            broker: broker.clone(),
            exchange: config.names.exchange.as_str().into(),
            confirmed: broker.confirm_channel().await?,
            fleeting: broker.channel().await?,
            in_flight: FuturesUnordered::new(),
            returned: HashSet::new(),
            last_progress: Instant::now(),
        })
    }

    /// Works until the connection ends or `shutdown`; says why it ended.
    pub(super) async fn run(
        &mut self,
        queue: &mut mpsc::Receiver<Outgoing>,
        shutdown: &CancellationToken,
    ) -> &'static str {
        let mut watch = interval(WATCH_EVERY);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = Vec::with_capacity(TAKE);
        loop {
            tokio::select! {
                Some(first) = self.in_flight.next(), if !self.in_flight.is_empty() => self.settle(first),
                count = queue.recv_many(&mut taken, TAKE), if self.in_flight.len() < IN_FLIGHT => {
                    if count == 0 {
                        return "every publisher is gone";
                    }
                    for outgoing in taken.drain(..) {
                        self.send(outgoing);
                    }
                }
                _ = watch.tick() => if let Some(reason) = self.broken() {
                    return reason;
                },
                () = shutdown.cancelled() => {
                    self.finish(queue).await;
                    return "shutting down";
                }
            }
        }
    }

    fn broken(&self) -> Option<&'static str> {
        if !self.broker.is_connected() {
            return Some("the connection is gone");
        }
        if !(self.confirmed.status().connected() && self.fleeting.status().connected()) {
            return Some("the broker closed a channel");
        }
        let stalled = !self.in_flight.is_empty() && self.last_progress.elapsed() > STALL;
        // An alarm makes the broker silent on purpose; a new connection would change nothing.
        (stalled && self.broker.is_open()).then_some("the broker confirms nothing any more")
    }

    /// Puts a job into the queue of what is written; it is written in this order when `in_flight` is next polled.
    fn send(&mut self, outgoing: Outgoing) {
        if outgoing.waiting.is_given_up() {
            return;
        }
        if self.in_flight.is_empty() {
            self.last_progress = Instant::now();
        }
        let Outgoing {
            routing_key,
            body,
            properties,
            waiting,
        } = outgoing;
        let must_arrive = waiting.reply.is_some();
        let channel = if must_arrive {
            self.confirmed.clone()
        } else {
            self.fleeting.clone()
        };
        let exchange = self.exchange.clone();
        let options = BasicPublishOptions {
            // What no queue takes must come back instead of being confirmed and gone.
            mandatory: must_arrive,
            ..BasicPublishOptions::default()
        };
        self.in_flight.push(
            async move {
                let message_id = properties.message_id().clone();
                let written = channel
                    .basic_publish(exchange, routing_key.into(), options, &body, properties)
                    .await;
                let result = match written {
                    Ok(confirm) => confirm.await,
                    Err(error) => Err(error),
                };
                Settled {
                    message_id,
                    waiting,
                    result,
                }
            }
            .boxed(),
        );
    }

    /// Answers what is settled, `first` and everything else that is ready by now.
    fn settle(&mut self, first: Settled) {
        self.last_progress = Instant::now();
        // The driver resolves the confirms of one frame under a lock, in no certain order; taking that lock once
        // makes sure that all of them, and so the one that carries a return, are resolved.
        drop(self.confirmed.wait_for_confirms().now_or_never());
        let mut settled = vec![first];
        let mut idle = false;
        loop {
            match self.in_flight.next().now_or_never() {
                Some(Some(next)) => {
                    settled.push(next);
                    idle = false;
                }
                Some(None) => break,
                // Pending twice in a row: the first time it may only have used up its turn.
                None if idle => break,
                None => idle = true,
            }
        }
        self.returned
            .extend(settled.iter().filter_map(Settled::returned));
        for job in settled {
            let is_returned = job.message_id.is_some_and(|id| self.returned.remove(&id));
            job.waiting.answer(match job.result {
                Ok(_) if is_returned => Err(PublishError::Refused(Refusal::Unroutable)),
                Ok(Confirmation::Ack(_) | Confirmation::NotRequested) => Ok(()),
                Ok(Confirmation::Nack(_)) => Err(PublishError::Refused(Refusal::QueueFull)),
                Err(_) => Err(PublishError::Unavailable),
            });
        }
    }

    /// Writes what callers still wait for and gives the broker a moment to confirm it.
    async fn finish(&mut self, queue: &mut mpsc::Receiver<Outgoing>) {
        queue.close();
        while let Ok(outgoing) = queue.try_recv() {
            self.send(outgoing);
        }
        let confirms = async {
            while let Some(first) = self.in_flight.next().await {
                self.settle(first);
            }
        };
        // Whoever is not answered now learns from the dropped reply that it was not confirmed.
        drop(tokio::time::timeout(LAST_CONFIRMS, confirms).await);
    }
}

impl Settled {
    /// The id of the returned message that this confirm carries, whosesoever it is.
    fn returned(&self) -> Option<ShortString> {
        let Ok(Confirmation::Ack(message) | Confirmation::Nack(message)) = &self.result else {
            return None;
        };
        message.as_ref()?.delivery.properties.message_id().clone()
    }
}
