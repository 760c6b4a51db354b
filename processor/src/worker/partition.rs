//! The work on one partition of the high or the medium queue.
//!
//! Jobs are done strictly in the order of the queue, lane by lane: the broker serves one consumer of the partition at a
//! time, and this one commits and fans out one batch after the other. Those before it may still be on their way into the event log.

use std::collections::HashMap;
use std::sync::Arc;

use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::consumer::{ConsumeOptions, Consumer};
use chat_backends::rabbitmq::delivery::{Delivery, DeliveryTag};
use chat_backends::redis::attempts::Attempts;
use chat_core::job::Job;
use chat_core::names::Queue;
use chat_core::time::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::attached::Attached;
use super::commit::{Committer, Told};
use super::group_commit::GroupCommit;
use super::lanes::Lanes;
use super::metrics::{JobLabels, JobResult, KindLabels, Stage};
use super::ownership::Ownership;
use super::trail::{Acks, Batch, Log, Trail};
use super::verdict::{Judge, Verdict};
use super::{SessionEnd, Worker};
use crate::execute::failed;
use crate::failure::Failure;
use crate::trace::{Kind, Step};

/// Most jobs of one transaction.
const BATCH: usize = 100;
/// Most deliveries that a partition with held lanes may have in hand.
const PREFETCH_MAX: u16 = 4000;

/// Which partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) queue: Queue,
    pub(super) number: u16,
}

/// One partition.
pub(super) struct Partition {
    worker: Worker,
    broker: Broker,
    place: Place,
    committer: Committer,
    log: Log,
    judge: Judge,
    lanes: Lanes<Item>,
    /// Deliveries that may be unacknowledged; grows while held jobs take the place of those that could be done.
    prefetch: u16,
}

/// A job in hand.
pub(super) struct Item {
    pub(super) delivery: Delivery,
    pub(super) job: Arc<Job>,
    /// Its failures while it was in hand.
    pub(super) failures: Option<Attempts>,
    /// Its trace from here on, if that is recorded.
    pub(super) step: Option<Step>,
}

impl Item {
    fn new(delivery: Delivery, job: Job) -> Self {
        let name = format!("process {}", job.act.name());
        let step = Step::follow(Kind::Consumer, name, delivery.traceparent.as_deref());
        if let Some(step) = &step {
            step.note("messaging.system", "rabbitmq");
            step.note("messaging.destination.name", delivery.routing_key.clone());
            step.note("messaging.message.id", job.job_id.to_string());
        }
        Self {
            delivery,
            job: Arc::new(job),
            failures: None,
            step,
        }
    }

    fn lane(&self) -> Uuid {
        self.job.lane()
    }
}

/// What was done of some jobs.
#[derive(Default)]
struct Done {
    /// May be acknowledged once the log holds `told`.
    tags: Vec<DeliveryTag>,
    told: Told,
}

/// `None` if the work was stopped before its end: then nothing may be acknowledged, and all of it comes again.
type Finished = Option<Done>;

impl Partition {
    pub(super) fn new(worker: Worker, log: Log, group: GroupCommit, place: Place) -> Self {
        let broker = log.broker.clone();
        Self {
            committer: Committer::new(worker.clone(), group),
            log,
            judge: Judge::new(worker.clone(), broker.clone()),
            lanes: Lanes::default(),
            prefetch: worker.rabbitmq.prefetch,
            worker,
            broker,
            place,
        }
    }

    /// Works until `stop` or until the consumer ends.
    pub(super) async fn run(
        mut self,
        mut ownership: Ownership,
        stop: CancellationToken,
    ) -> Result<(), SessionEnd> {
        let result = self.drive(&mut ownership, &stop).await;
        self.forget_held();
        result
    }

    async fn drive(
        &mut self,
        ownership: &mut Ownership,
        stop: &CancellationToken,
    ) -> Result<(), SessionEnd> {
        let mut priority = ownership.borrow_and_update().priority(self.place.number);
        let mut consumer = self.attach(priority).await?;
        let mut trail = Trail::start(self.log.clone(), stop.clone());
        loop {
            let due = self.lanes.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                changed = ownership.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let wanted = ownership.borrow_and_update().priority(self.place.number);
                    if wanted != priority {
                        // Between two batches nothing is half done: what is unacknowledged goes back in its order, to
                        // whoever has the highest priority now.
                        priority = wanted;
                        settle(&mut trail, &consumer).await?;
                        self.forget_held();
                        consumer.close().await;
                        consumer = self.attach(priority).await?;
                    }
                }
                written = trail.next(), if !trail.is_empty() => acknowledge(&consumer, written?).await?,
                () = until(due), if due.is_some() => self.retry_due(&mut trail, stop).await?,
                delivery = consumer.next() => {
                    let batch = consumer.with_ready(delivery?, BATCH)?;
                    self.work(batch, &mut trail, stop).await?;
                }
            }
            if self.is_crowded() {
                settle(&mut trail, &consumer).await?;
                self.prefetch = self.prefetch.saturating_mul(2).min(PREFETCH_MAX);
                let again = self.lanes.drop_items();
                self.count_held(again, false);
                consumer.close().await;
                consumer = self.attach(priority).await?;
            }
        }
        settle(&mut trail, &consumer).await?;
        consumer.close().await;
        Ok(())
    }

    /// Whether held jobs take so much of the prefetch that other rooms would stop.
    fn is_crowded(&self) -> bool {
        self.prefetch < PREFETCH_MAX && self.lanes.len() * 2 > usize::from(self.prefetch)
    }

    async fn attach(&self, priority: i32) -> Result<Attached, SessionEnd> {
        let names = &self.worker.rabbitmq.names;
        let options = ConsumeOptions {
            queue: names.partition(self.place.queue, self.place.number),
            priority,
            prefetch: self.prefetch,
            name: self.worker.name.to_string(),
        };
        Ok(Attached::from(
            Consumer::attach(&self.broker, options).await?,
        ))
    }

    async fn work(
        &mut self,
        batch: Vec<Delivery>,
        trail: &mut Trail,
        stop: &CancellationToken,
    ) -> Result<(), SessionEnd> {
        let held_before = !self.lanes.is_empty();
        let last = batch.last().map(|delivery| delivery.tag);
        let mut items = Vec::with_capacity(batch.len());
        let mut refused = Vec::new();
        for delivery in batch {
            match delivery.job(&self.worker.job_keys) {
                Ok(job) => {
                    let item = Item::new(delivery, job);
                    let waited = item.job.created_at.age_at(Timestamp::now());
                    self.worker.metrics.stage(Stage::Wait, waited);
                    match self.lanes.park(item.lane(), item) {
                        Some(item) => items.push(item),
                        None => self.count_held(1, true),
                    }
                }
                Err(not_a_job) => {
                    let reason = not_a_job.to_string();
                    self.judge.refuse(&delivery, &reason).await?;
                    refused.push(delivery.tag);
                }
            }
        }
        let Some(mut done) = self.finish(items, stop).await? else {
            return Ok(());
        };
        done.tags.append(&mut refused);
        trail.push(match last {
            Some(last) if !held_before && self.lanes.is_empty() => done.up_to(last),
            // Held jobs stay unacknowledged, so the others are acknowledged one by one.
            _ => done.each(),
        });
        Ok(())
    }

    async fn retry_due(
        &mut self,
        trail: &mut Trail,
        stop: &CancellationToken,
    ) -> Result<(), SessionEnd> {
        while let Some(items) = self.lanes.release_due(Instant::now()) {
            self.count_held(items.len(), false);
            let Some(done) = self.finish(items.into(), stop).await? else {
                return Ok(());
            };
            trail.push(done.each());
        }
        Ok(())
    }

    /// Does `items`, of which the broker has nothing acknowledged yet.
    async fn finish(
        &mut self,
        items: Vec<Item>,
        stop: &CancellationToken,
    ) -> Result<Finished, SessionEnd> {
        if items.is_empty() {
            return Ok(Some(Done::default()));
        }
        match self.committer.commit(&items, stop).await {
            Ok(Some(told)) => {
                if !self.committer.tell(&told, stop).await {
                    return Ok(None);
                }
                let done = items
                    .iter()
                    .inspect(|item| self.count(item, JobResult::Done));
                let tags = done.map(|item| item.delivery.tag).collect();
                Ok(Some(Done { tags, told }))
            }
            Ok(None) => Ok(None),
            Err(_) => self.one_by_one(items, stop).await,
        }
    }

    /// Finds the jobs that fail; their lanes are held, the others are done.
    async fn one_by_one(
        &mut self,
        items: Vec<Item>,
        stop: &CancellationToken,
    ) -> Result<Finished, SessionEnd> {
        let mut done = Done::default();
        let mut behind: HashMap<Uuid, Vec<Item>> = HashMap::new();
        let mut waits = HashMap::new();
        for item in items {
            let lane = item.lane();
            if let Some(waiting) = behind.get_mut(&lane) {
                waiting.push(item);
                continue;
            }
            let failure = match self
                .committer
                .commit(std::slice::from_ref(&item), stop)
                .await
            {
                Ok(Some(mut told)) => {
                    if !self.committer.tell(&told, stop).await {
                        return Ok(None);
                    }
                    self.count(&item, JobResult::Done);
                    done.tags.push(item.delivery.tag);
                    done.told.entries.append(&mut told.entries);
                    done.told.steps.append(&mut told.steps);
                    continue;
                }
                Ok(None) => return Ok(None),
                Err(failure) => failure,
            };
            match self.judge(item, &failure, stop).await? {
                Verdict::Buried(item) => done.tags.push(item.delivery.tag),
                Verdict::Wait(item, wait) => {
                    behind.insert(lane, vec![item]);
                    waits.insert(lane, wait);
                }
            }
        }
        for (lane, items) in behind {
            self.count_held(items.len(), true);
            let wait = waits.remove(&lane).unwrap_or_default();
            self.lanes.hold(lane, items, wait, Instant::now());
        }
        Ok(Some(done))
    }

    async fn judge(
        &self,
        item: Item,
        failure: &Failure,
        stop: &CancellationToken,
    ) -> Result<Verdict, SessionEnd> {
        let verdict = self.judge.judge(item, failure).await?;
        match &verdict {
            Verdict::Wait(item, _) => self.count(item, JobResult::Retried),
            Verdict::Buried(item) => {
                self.count(item, JobResult::Dead);
                match failed(&item.job) {
                    // Stopped meanwhile: the job comes again, is buried again and told again, which is harmless.
                    Ok(told) => drop(self.committer.fan_out(&told, stop).await),
                    Err(error) => {
                        tracing::error!(%error, "a sender can't be told of a dead letter")
                    }
                }
            }
        }
        Ok(verdict)
    }

    fn count(&self, item: &Item, result: JobResult) {
        let queue = self.place.queue.name();
        let r#type = item.job.act.name();
        let labels = JobLabels {
            queue,
            r#type,
            result,
        };
        let metrics = &self.worker.metrics;
        metrics.processed.get_or_create(&labels).inc();
        if result == JobResult::Done {
            let age = item.job.created_at.age_at(Timestamp::now());
            let labels = KindLabels { queue, r#type };
            let duration = metrics.duration.get_or_create(&labels);
            duration.observe(age.as_secs_f64());
        }
    }

    fn count_held(&self, jobs: usize, more: bool) {
        let jobs = i64::try_from(jobs).unwrap_or_default();
        let held = &self.worker.metrics.held;
        if more {
            held.inc_by(jobs);
        } else {
            held.dec_by(jobs);
        }
    }

    /// Held jobs are unacknowledged: the broker gives them out again, to us or to another.
    fn forget_held(&mut self) {
        let lanes = std::mem::take(&mut self.lanes);
        self.count_held(lanes.len(), false);
        self.prefetch = self.worker.rabbitmq.prefetch;
    }
}

impl Done {
    fn up_to(self, last: DeliveryTag) -> Batch {
        self.batch(Acks::UpTo(last))
    }

    fn each(mut self) -> Batch {
        let tags = std::mem::take(&mut self.tags);
        self.batch(Acks::Each(tags))
    }

    fn batch(self, acks: Acks) -> Batch {
        let Told { entries, steps, .. } = self.told;
        Batch {
            entries,
            steps,
            acks,
        }
    }
}

/// Waits until all that was told is in the log, and acknowledges it.
async fn settle(trail: &mut Trail, consumer: &Consumer) -> Result<(), SessionEnd> {
    while !trail.is_empty() {
        acknowledge(consumer, trail.next().await?).await?;
    }
    Ok(())
}

async fn acknowledge(consumer: &Consumer, acks: Option<Acks>) -> Result<(), SessionEnd> {
    match acks {
        Some(Acks::UpTo(last)) => consumer.ack_up_to(last).await?,
        Some(Acks::Each(tags)) => {
            for tag in tags {
                consumer.ack(tag).await?;
            }
        }
        // Stopped before: they come again.
        None => {}
    }
    Ok(())
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
