//! The work on one partition of the high or the medium queue.
//!
//! Jobs are done strictly in the order of the queue, lane by lane: the broker serves one consumer of the partition at a
//! time, and this one has at most one batch in hand.

use std::collections::HashMap;
use std::time::Duration;

use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::consumer::{ConsumeOptions, Consumer};
use chat_backends::rabbitmq::dead_letter::{DeadLetters, Death};
use chat_backends::rabbitmq::delivery::Delivery;
use chat_core::job::Job;
use chat_core::names::Queue;
use chat_core::time::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ladder::Ladder;
use super::lanes::Lanes;
use super::metrics::{JobLabels, JobResult, KindLabels};
use super::ownership::Ownership;
use super::{SessionEnd, Worker};
use crate::effects::{self, Effect};
use crate::execute::{execute, failed};
use crate::failure::Failure;

/// Most jobs of one transaction.
const BATCH: usize = 100;
/// The first and the longest pause while a store is away.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// One partition.
pub(super) struct Partition {
    worker: Worker,
    broker: Broker,
    queue: Queue,
    number: u16,
    ladder: Ladder,
    lanes: Lanes<Item>,
}

/// A job in hand.
struct Item {
    delivery: Delivery,
    job: Job,
    attempts: u32,
    first_failed: Option<Timestamp>,
}

impl Item {
    fn lane(&self) -> Uuid {
        self.job.lane()
    }
}

impl Partition {
    pub(super) fn new(worker: Worker, broker: Broker, queue: Queue, number: u16) -> Self {
        let ladder = Ladder::new(worker.rabbitmq.max_retries);
        Self {
            worker,
            broker,
            queue,
            number,
            ladder,
            lanes: Lanes::default(),
        }
    }

    /// Works until `stop` or until the consumer ends.
    pub(super) async fn run(
        mut self,
        mut ownership: Ownership,
        stop: CancellationToken,
    ) -> Result<(), SessionEnd> {
        let mut priority = ownership.borrow_and_update().priority(self.number);
        let mut consumer = self.attach(priority).await?;
        loop {
            let due = self.lanes.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                changed = ownership.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let wanted = ownership.borrow_and_update().priority(self.number);
                    if self.must_reattach(priority, wanted) {
                        // Between two batches nothing is half done: what is unacknowledged goes back in its order,
                        // to whoever has the highest priority now.
                        self.forget_held();
                        consumer.close().await;
                        consumer = self.attach(wanted).await?;
                        priority = wanted;
                    }
                }
                () = until(due), if due.is_some() => self.retry_due(&consumer, &stop).await?,
                delivery = consumer.next() => {
                    let batch = fill(delivery?, &mut consumer)?;
                    self.work(batch, &consumer, &stop).await?;
                }
            }
        }
        consumer.close().await;
        self.forget_held();
        Ok(())
    }

    /// A gained partition needs the new rank. A lost one is taken away by its new owner's higher rank once nothing is
    /// unacknowledged, so only held jobs, which may wait long, must be given back.
    fn must_reattach(&self, priority: i32, wanted: i32) -> bool {
        wanted > priority || (wanted < priority && !self.lanes.is_empty())
    }

    async fn attach(&self, priority: i32) -> Result<Consumer, SessionEnd> {
        let options = ConsumeOptions {
            queue: self
                .worker
                .rabbitmq
                .names
                .partition(self.queue, self.number),
            priority,
            prefetch: self.worker.rabbitmq.prefetch,
            name: self.worker.name.to_string(),
        };
        Ok(Consumer::attach(&self.broker, options).await?)
    }

    async fn work(
        &mut self,
        batch: Vec<Delivery>,
        consumer: &Consumer,
        stop: &CancellationToken,
    ) -> Result<(), SessionEnd> {
        let held_before = !self.lanes.is_empty();
        let tags: Vec<u64> = batch.iter().map(|delivery| delivery.tag).collect();
        let mut items = Vec::with_capacity(batch.len());
        let mut done = Vec::new();
        for delivery in batch {
            match delivery.job(&self.worker.job_keys) {
                Ok(job) => {
                    let item = Item {
                        attempts: delivery.attempt,
                        first_failed: None,
                        delivery,
                        job,
                    };
                    if let Some(item) = self.lanes.park(item.lane(), item) {
                        items.push(item);
                    } else {
                        self.worker.metrics.held.inc();
                    }
                }
                Err(not_a_job) => {
                    let now = Timestamp::now();
                    self.bury(&delivery, &not_a_job.to_string(), 0, now).await?;
                    done.push(delivery.tag);
                }
            }
        }
        let Some(finished) = self.finish(items, stop).await? else {
            return Ok(());
        };
        done.extend(finished);
        if !held_before && self.lanes.is_empty() {
            if let Some(last) = tags.last() {
                consumer.ack_up_to(*last).await?;
            }
        } else {
            // Held jobs stay unacknowledged, so the others are acknowledged one by one.
            for tag in done {
                consumer.ack(tag).await?;
            }
        }
        Ok(())
    }

    async fn retry_due(
        &mut self,
        consumer: &Consumer,
        stop: &CancellationToken,
    ) -> Result<(), SessionEnd> {
        while let Some(items) = self.lanes.release_due(Instant::now()) {
            self.worker
                .metrics
                .held
                .dec_by(i64::try_from(items.len()).unwrap_or_default());
            let Some(done) = self.finish(items.into(), stop).await? else {
                return Ok(());
            };
            for tag in done {
                consumer.ack(tag).await?;
            }
        }
        Ok(())
    }

    /// Does `items`; returns the tags that may be acknowledged, or `None` if it was stopped before the end: then
    /// nothing may be, and all of it comes again.
    async fn finish(
        &mut self,
        items: Vec<Item>,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<u64>>, SessionEnd> {
        if items.is_empty() {
            return Ok(Some(vec![]));
        }
        match self.commit(&items, stop).await {
            Ok(Some(told)) => {
                if !self.tell(&told, stop).await {
                    return Ok(None);
                }
                items
                    .iter()
                    .for_each(|item| self.count(item, JobResult::Done));
                return Ok(Some(items.iter().map(|item| item.delivery.tag).collect()));
            }
            Ok(None) => return Ok(None),
            Err(_) if items.len() > 1 => {}
            Err(failure) => return self.one_by_one_failed(items, failure, stop).await,
        }
        self.one_by_one(items, stop).await
    }

    /// Finds the job that fails; its lane is held, the others are done.
    async fn one_by_one(
        &mut self,
        items: Vec<Item>,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<u64>>, SessionEnd> {
        let mut done = Vec::with_capacity(items.len());
        let mut behind: HashMap<Uuid, Vec<Item>> = HashMap::new();
        let mut heads = Vec::new();
        for item in items {
            if let Some(waiting) = behind.get_mut(&item.lane()) {
                waiting.push(item);
                continue;
            }
            match self.commit(std::slice::from_ref(&item), stop).await {
                Ok(Some(told)) => {
                    if !self.tell(&told, stop).await {
                        return Ok(None);
                    }
                    self.count(&item, JobResult::Done);
                    done.push(item.delivery.tag);
                }
                Ok(None) => return Ok(None),
                Err(failure) => match self.judge(item, &failure, stop).await? {
                    Verdict::Buried(tag) => done.push(tag),
                    Verdict::Wait(item, wait) => {
                        behind.insert(item.lane(), Vec::new());
                        heads.push((item, wait));
                    }
                },
            }
        }
        for (head, wait) in heads {
            let lane = head.lane();
            let rest = behind.remove(&lane).unwrap_or_default();
            self.hold(head, rest, wait);
        }
        Ok(Some(done))
    }

    async fn one_by_one_failed(
        &mut self,
        mut items: Vec<Item>,
        failure: Failure,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<u64>>, SessionEnd> {
        let Some(item) = items.pop() else {
            return Ok(Some(vec![]));
        };
        match self.judge(item, &failure, stop).await? {
            Verdict::Buried(tag) => Ok(Some(vec![tag])),
            Verdict::Wait(item, wait) => {
                self.hold(item, vec![], wait);
                Ok(Some(vec![]))
            }
        }
    }

    fn hold(&mut self, head: Item, rest: Vec<Item>, wait: Duration) {
        let lane = head.lane();
        let count = i64::try_from(rest.len() + 1).unwrap_or_default();
        self.worker.metrics.held.inc_by(count);
        self.lanes.hold(
            lane,
            std::iter::once(head).chain(rest),
            wait,
            Instant::now(),
        );
    }

    /// Retry or dead letter.
    async fn judge(
        &self,
        mut item: Item,
        failure: &Failure,
        stop: &CancellationToken,
    ) -> Result<Verdict, SessionEnd> {
        let now = Timestamp::now();
        item.attempts += 1;
        let first_failed = *item.first_failed.get_or_insert(now);
        let wait = match failure {
            Failure::Reject(_) => None,
            Failure::Job(_) | Failure::Unavailable(_) => self.ladder.wait_after(item.attempts),
        };
        if let Some(wait) = wait {
            tracing::warn!(job = %item.job.job_id, attempts = item.attempts, wait_secs = wait.as_secs(), %failure, "a job fails; its room waits");
            self.count(&item, JobResult::Retried);
            return Ok(Verdict::Wait(item, wait));
        }
        tracing::error!(job = %item.job.job_id, attempts = item.attempts, %failure, "a job is dead-lettered");
        self.bury(
            &item.delivery,
            &failure.to_string(),
            item.attempts,
            first_failed,
        )
        .await?;
        self.count(&item, JobResult::Dead);
        if let Ok(told) = failed(&item.job) {
            self.tell(&told, stop).await;
        }
        Ok(Verdict::Buried(item.delivery.tag))
    }

    async fn bury(
        &self,
        delivery: &Delivery,
        reason: &str,
        attempts: u32,
        first_failed: Timestamp,
    ) -> Result<(), SessionEnd> {
        let death = Death {
            reason: reason.to_owned(),
            attempts,
            first_failed,
            last_failed: Timestamp::now(),
        };
        // Dead letters are rare: a channel for each costs less than one kept open for every partition.
        let graves = DeadLetters::open(&self.broker, &self.worker.rabbitmq).await?;
        Ok(graves.bury(delivery, &death).await?)
    }

    /// Commits `items` in one transaction, pausing as long as a store is away. `None`: stopped meanwhile.
    async fn commit(
        &self,
        items: &[Item],
        stop: &CancellationToken,
    ) -> Result<Option<Vec<Effect>>, Failure> {
        let mut pause = PAUSE.0;
        loop {
            match self.transaction(items).await {
                Ok(told) => return Ok(Some(told)),
                Err(Failure::Unavailable(error)) => {
                    tracing::warn!(%error, jobs = items.len(), "a store is away; the partition pauses");
                }
                Err(failure) => return Err(failure),
            }
            if !sleep_unless(pause, stop).await {
                return Ok(None);
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn transaction(&self, items: &[Item]) -> Result<Vec<Effect>, Failure> {
        let jobs: Vec<&Job> = items.iter().map(|item| &item.job).collect();
        let mut transaction = self.worker.context.pg.begin().await?;
        let told = execute(&self.worker.context, &mut transaction, &jobs).await?;
        transaction.commit().await?;
        self.worker.metrics.batch.observe(jobs.len() as f64);
        let mut flat = Vec::with_capacity(told.len());
        for (item, effects) in items.iter().zip(told) {
            flat.extend(effects.into_iter().map(|mut effect| {
                effect
                    .fanout
                    .traceparent
                    .clone_from(&item.delivery.traceparent);
                effect
            }));
        }
        Ok(flat)
    }

    /// Fans out, pausing as long as Redis is away: what is acknowledged must have been told. `false`: stopped meanwhile.
    async fn tell(&self, told: &[Effect], stop: &CancellationToken) -> bool {
        let mut pause = PAUSE.0;
        while let Err(error) = effects::publish(&self.worker.context.redis, told).await {
            tracing::warn!(%error, "Redis is away; the partition pauses");
            if !sleep_unless(pause, stop).await {
                return false;
            }
            pause = (pause * 2).min(PAUSE.1);
        }
        true
    }

    fn count(&self, item: &Item, result: JobResult) {
        let queue = self.queue.name();
        let r#type = item.job.act.name();
        let labels = JobLabels {
            queue,
            r#type,
            result,
        };
        self.worker.metrics.processed.get_or_create(&labels).inc();
        if result == JobResult::Done {
            let age = item.job.created_at.age_at(Timestamp::now());
            let labels = KindLabels { queue, r#type };
            self.worker
                .metrics
                .duration
                .get_or_create(&labels)
                .observe(age.as_secs_f64());
        }
    }

    /// Held jobs are unacknowledged: the broker gives them out again.
    fn forget_held(&mut self) {
        let lanes = std::mem::take(&mut self.lanes);
        self.worker
            .metrics
            .held
            .dec_by(i64::try_from(lanes.len()).unwrap_or_default());
    }
}

enum Verdict {
    /// In the dead letter queue; the delivery may be acknowledged.
    Buried(u64),
    /// To be tried again.
    Wait(Item, Duration),
}

fn fill(first: Delivery, consumer: &mut Consumer) -> Result<Vec<Delivery>, SessionEnd> {
    let mut batch = vec![first];
    while batch.len() < BATCH {
        match consumer.next_ready() {
            Some(delivery) => batch.push(delivery?),
            None => break,
        }
    }
    Ok(batch)
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Sleeps; `false` if it was stopped meanwhile.
async fn sleep_unless(pause: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(pause) => true,
        () = stop.cancelled() => false,
    }
}
