//! One transaction for the batches of all partitions that are ready at one moment.
//!
//! A transaction costs Postgres much the same for eight jobs as for eighty, and a processor works on many partitions at
//! once. So each hands its batch over here; what comes while a transaction runs goes into the next. A partition has one
//! batch in hand, which keeps its order, and between the high and the medium queue of a room none is promised. A group that fails is done again batch by
//! batch, so that a job with a failure of its own concerns its own batch only.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chat_core::job::Job;
use futures::FutureExt;
use futures::stream::{self, FuturesUnordered, StreamExt};
use sqlx::{Connection, PgConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::metrics::WorkerMetrics;
use crate::context::Context;
use crate::effects::Effect;
use crate::execute::execute;
use crate::failure::Failure;

/// Most jobs of a group, but for the batch that exceeds it.
const MOST: usize = 400;

/// Transactions begin no sooner after each other: under load each takes more, and the processor's time that is saved makes
/// everything faster by more than the wait (measured: `docs/adr/0017`). A batch that comes alone does not wait.
const PACE: Duration = Duration::from_millis(5);

/// A transaction that takes longer (a room of it is locked elsewhere, perhaps) no longer keeps the others waiting: the next
/// group begins beside it. A partition has one batch in hand, so its order holds. Two groups may come to lock each other's rooms,
/// in another order (a high and a medium queue): then the database ends one, and it is done again.
const SLOW: Duration = Duration::from_millis(50);

/// Most groups at a time: each has a connection.
const AT_ONCE: usize = 3;

/// How long a transaction may take before its connection is given up: longer than any statement may, so it is only
/// reached when the network swallows what is sent.
const TRANSACTION: Duration = Duration::from_secs(15);

/// The effects of each job of a batch.
type Done = Result<Vec<Vec<Effect>>, Failure>;

struct Batch {
    jobs: Vec<Arc<Job>>,
    done: oneshot::Sender<Done>,
}

/// The way to the one who commits; clones share it.
#[derive(Clone)]
pub(super) struct GroupCommit {
    batches: mpsc::UnboundedSender<Batch>,
}

/// The group's task has ended, which it does not before its partitions.
#[derive(Debug, thiserror::Error)]
#[error("nobody commits any more")]
struct Ended;

impl GroupCommit {
    /// The second is to be run; it ends when the last clone of the first is gone.
    pub(super) fn new(
        context: Context,
        metrics: WorkerMetrics,
    ) -> (Self, impl Future<Output = ()> + Send) {
        // Each partition has at most one batch in hand: that bounds it.
        let (batches, waiting) = mpsc::unbounded_channel();
        let committing = Committing { context, metrics };
        (Self { batches }, committing.run(waiting))
    }

    /// Commits the jobs of one batch, perhaps with those of others.
    ///
    /// # Errors
    /// [`Failure`] of this batch; nothing of it is committed then, or nobody knows.
    pub(super) async fn commit(&self, jobs: Vec<Arc<Job>>) -> Done {
        let (done, outcome) = oneshot::channel();
        let ended = || Failure::Unavailable(Ended.into());
        self.batches
            .send(Batch { jobs, done })
            .map_err(|_| ended())?;
        outcome.await.map_err(|_| ended())?
    }
}

struct Committing {
    context: Context,
    metrics: WorkerMetrics,
}

impl Committing {
    async fn run(self, mut waiting: mpsc::UnboundedReceiver<Batch>) {
        let mut running = FuturesUnordered::new();
        let mut slow_at = Instant::now();
        let mut next_at = Instant::now();
        loop {
            let is_idle = running.is_empty();
            let next = async {
                if !is_idle {
                    tokio::time::sleep_until(slow_at).await;
                }
                tokio::time::sleep_until(next_at).await;
                waiting.recv().await
            };
            let may_start = running.len() < AT_ONCE;
            let first = tokio::select! {
                first = next, if may_start => first,
                Some(()) = running.next(), if !running.is_empty() => continue,
            };
            let Some(first) = first else { break };
            let mut jobs = first.jobs.len();
            let mut group = vec![first];
            while jobs < MOST
                && let Ok(next) = waiting.try_recv()
            {
                jobs += next.jobs.len();
                group.push(next);
            }
            running.push(self.commit(group));
            let began = Instant::now();
            (slow_at, next_at) = (began + SLOW, began + PACE);
        }
        while running.next().await.is_some() {}
    }

    async fn commit(&self, group: Vec<Batch>) {
        let done = self.transaction(&jobs_of(&group)).await;
        let group = match <[Batch; 1]>::try_from(group) {
            Ok([alone]) => return answer(alone, done),
            Err(group) => group,
        };
        match done {
            Ok(effects) => {
                let mut effects = effects.into_iter();
                for batch in group {
                    let own = effects.by_ref().take(batch.jobs.len()).collect();
                    answer(batch, Ok(own));
                }
            }
            Err(Failure::Unavailable(error)) => {
                for batch in group {
                    let failure = Failure::Unavailable(error.to_string().into());
                    answer(batch, Err(failure));
                }
            }
            Err(Failure::Job(_) | Failure::Reject(_)) => {
                let again = async |batch: Batch| {
                    let jobs = jobs_of(std::slice::from_ref(&batch));
                    let done = self.transaction(&jobs).await;
                    answer(batch, done);
                };
                stream::iter(group)
                    .for_each_concurrent(AT_ONCE, again)
                    .await;
            }
        }
    }

    async fn transaction(&self, jobs: &[&Job]) -> Done {
        let mut connection = self.context.pg.acquire().await?;
        // A job that makes the code panic is a poison job like any other, and must not take the worker with it.
        let work = AssertUnwindSafe(self.in_transaction(&mut connection, jobs)).catch_unwind();
        let effects = match tokio::time::timeout(TRANSACTION, work).await {
            Ok(Ok(done)) => done?,
            Ok(Err(_panic)) => {
                drop(connection.detach());
                return Err(Failure::Job("the worker panicked over it".into()));
            }
            Err(elapsed) => {
                // Whether it was committed is unknown; done again, it finds itself done. The connection may hang for
                // ever, so it does not go back to the pool.
                drop(connection.detach());
                return Err(Failure::Unavailable(elapsed.into()));
            }
        };
        self.metrics.batch.observe(jobs.len() as f64);
        Ok(effects)
    }

    async fn in_transaction(&self, connection: &mut PgConnection, jobs: &[&Job]) -> Done {
        let mut transaction = connection.begin().await?;
        let effects = execute(&self.context, &mut transaction, jobs).await?;
        transaction.commit().await?;
        Ok(effects)
    }
}

fn jobs_of(group: &[Batch]) -> Vec<&Job> {
    group
        .iter()
        .flat_map(|batch| batch.jobs.iter().map(Arc::as_ref))
        .collect()
}

/// A partition that was stopped meanwhile does not wait; its jobs come again and find themselves done.
fn answer(batch: Batch, done: Done) {
    let _stopped = batch.done.send(done);
}
