//! What follows a batch that is committed and told: its entries in the event log, and only then its acknowledgement.
//!
//! The partition is at its next batch meanwhile. Batches are written in their order, so a room's entries are too; those
//! that come while one is written are written together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_backends::rabbitmq::delivery::DeliveryTag;
use chat_backends::rabbitmq::event_log::{Entry, EventLog};
use chat_backends::rabbitmq::{Broker, BrokerError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::SessionEnd;
use super::commit::{PAUSE, parts, sleep_unless};
use super::metrics::{Stage, WorkerMetrics};
use crate::trace::{Kind, Step};

/// The deliveries that may be acknowledged.
#[derive(Debug)]
pub(super) enum Acks {
    /// All up to this one.
    UpTo(DeliveryTag),
    /// These: others before them are still in hand.
    Each(Vec<DeliveryTag>),
}

/// What the log is to hold of a batch before its deliveries are acknowledged.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Of the jobs whose trace is recorded.
    pub(super) steps: Vec<Step>,
    pub(super) acks: Acks,
}

/// What was written and may be acknowledged; `None` if the work was stopped before.
type Written = Result<Option<Acks>, SessionEnd>;

/// The batches of one partition whose entries are not all in the log.
pub(super) struct Trail {
    batches: mpsc::UnboundedSender<Batch>,
    written: mpsc::UnboundedReceiver<Written>,
    pending: usize,
    _writing: AbortOnDropHandle<()>,
}

/// Where entries go.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) broker: Broker,
    pub(super) log: EventLog,
    pub(super) metrics: WorkerMetrics,
}

impl Trail {
    /// Writes until it is dropped; a log that is away is waited for until `stop`.
    pub(super) fn start(log: Log, stop: CancellationToken) -> Self {
        // Unbounded, since the broker gives out no more than the prefetch before it is acknowledged.
        let (batches, waiting) = mpsc::unbounded_channel();
        let (done, written) = mpsc::unbounded_channel();
        let writing = tokio::spawn(log.write_all(waiting, done, stop));
        Self {
            batches,
            written,
            pending: 0,
            _writing: AbortOnDropHandle::new(writing),
        }
    }

    /// Has the batch written after those before it; [`Self::next`] tells when it is.
    pub(super) fn push(&mut self, batch: Batch) {
        // If nobody writes any more, `next` says so.
        let _ = self.batches.send(batch);
        self.pending += 1;
    }

    /// Whether everything is written.
    pub(super) const fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// The next batch that is written; cancel-safe.
    pub(super) async fn next(&mut self) -> Written {
        let written = self.written.recv().await;
        self.pending -= 1;
        written.unwrap_or_else(|| {
            let ended = "nobody writes to the event log any more".to_owned();
            Err(BrokerError::Unavailable(ended).into())
        })
    }
}

impl Log {
    async fn write_all(
        self,
        mut waiting: mpsc::UnboundedReceiver<Batch>,
        done: mpsc::UnboundedSender<Written>,
        stop: CancellationToken,
    ) {
        while let Some(first) = waiting.recv().await {
            let mut batches = vec![first];
            while let Ok(next) = waiting.try_recv() {
                batches.push(next);
            }
            let mut entries = Vec::new();
            let mut steps = Vec::new();
            for batch in &mut batches {
                entries.append(&mut batch.entries);
                steps.append(&mut batch.steps);
            }
            let began = Instant::now();
            let is_written = {
                let _steps = parts(&steps, Kind::Client, "append to the event log");
                self.append(entries.into(), &stop).await
            };
            self.metrics.stage(Stage::Log, began.elapsed());
            for batch in batches {
                let written = match &is_written {
                    Ok(true) => Ok(Some(batch.acks)),
                    Ok(false) => Ok(None),
                    Err(error) => Err(error.clone().into()),
                };
                // The partition has ended: its jobs come again.
                let _ = done.send(written);
            }
        }
    }

    /// Appends, pausing as long as the log is away. `false`: stopped meanwhile.
    async fn append(
        &self,
        entries: Arc<[Entry]>,
        stop: &CancellationToken,
    ) -> Result<bool, BrokerError> {
        let mut pause: Duration = PAUSE.0;
        while let Err(error) = self.log.append(&entries).await {
            if !self.broker.is_connected() {
                return Err(error);
            }
            tracing::warn!(%error, "the event log is away; the partition waits for it");
            if !sleep_unless(&mut pause, stop).await {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
