//! Committing a batch and fanning it out, through every outage of a store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_backends::rabbitmq::event_log::Entry;
use chat_core::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::group_commit::GroupCommit;
use super::metrics::Stage;
use super::partition::Item;
use crate::domain_events;
use crate::effects::{self, Effect};
use crate::failure::Failure;
use crate::trace::{Kind, Step};

/// The first and the longest pause while a store is away.
pub(super) const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What is to be told of committed jobs.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) effects: Vec<Effect>,
    pub(super) entries: Vec<Entry>,
    /// Of the jobs whose trace is recorded.
    pub(super) steps: Vec<Step>,
}

/// Commits jobs and fans them out.
pub(super) struct Committer {
    worker: Worker,
    group: GroupCommit,
}

impl Committer {
    pub(super) fn new(worker: Worker, group: GroupCommit) -> Self {
        Self { worker, group }
    }

    /// Commits `items`, perhaps together with those of other partitions, pausing as long as a store is away. `None`: stopped meanwhile.
    pub(super) async fn commit(
        &self,
        items: &[Item],
        stop: &CancellationToken,
    ) -> Result<Option<Told>, Failure> {
        let mut pause = PAUSE.0;
        let recorded = items.iter().filter_map(|item| item.step.as_ref());
        let steps = parts(recorded, Kind::Client, "commit");
        for step in &steps {
            step.note("db.system.name", "postgresql");
            step.note(
                "db.operation.batch.size",
                i64::try_from(items.len()).unwrap_or(i64::MAX),
            );
        }
        let began = Instant::now();
        loop {
            match self.transaction(items).await {
                Ok(told) => {
                    self.worker.metrics.stage(Stage::Commit, began.elapsed());
                    return Ok(Some(told));
                }
                Err(Failure::Unavailable(error)) => {
                    tracing::warn!(%error, jobs = items.len(), "a store is away; the partition pauses");
                }
                Err(failure) => {
                    for step in &steps {
                        step.fail(failure.to_string());
                    }
                    return Err(failure);
                }
            }
            if !sleep_unless(&mut pause, stop).await {
                return Ok(None);
            }
        }
    }

    async fn transaction(&self, items: &[Item]) -> Result<Told, Failure> {
        let jobs = items.iter().map(|item| Arc::clone(&item.job)).collect();
        let effects = self.group.commit(jobs).await?;
        let mut told = Told::default();
        let now = Timestamp::now();
        for (item, effects) in items.iter().zip(effects) {
            told.steps.extend(item.step.clone());
            let traceparent = match &item.step {
                Some(step) => step.traceparent(),
                None => item.delivery.traceparent.clone(),
            };
            let events = domain_events::of_job(&item.job, &effects, now);
            let entry = |event| domain_events::entry(event, traceparent.as_deref());
            told.entries.extend(events.iter().map(entry));
            told.effects.extend(effects.into_iter().map(|mut effect| {
                effect.fanout.traceparent.clone_from(&traceparent);
                effect
            }));
        }
        Ok(told)
    }

    /// Fans out, pausing as long as Redis is away. `false`: stopped meanwhile.
    pub(super) async fn tell(&self, told: &Told, stop: &CancellationToken) -> bool {
        let _steps = parts(&told.steps, Kind::Client, "fan out");
        let began = Instant::now();
        let is_told = self.fan_out(&told.effects, stop).await;
        self.worker.metrics.stage(Stage::FanOut, began.elapsed());
        is_told
    }

    /// The same for what has no trace.
    pub(super) async fn fan_out(&self, effects: &[Effect], stop: &CancellationToken) -> bool {
        let mut pause = PAUSE.0;
        while let Err(error) = effects::publish(&self.worker.context.redis, effects).await {
            tracing::warn!(%error, "Redis is away; the partition pauses");
            if !sleep_unless(&mut pause, stop).await {
                return false;
            }
        }
        true
    }
}

/// A part, of this name, of each recorded step.
pub(super) fn parts<'a>(
    steps: impl IntoIterator<Item = &'a Step>,
    kind: Kind,
    name: &'static str,
) -> Vec<Step> {
    let steps = steps.into_iter();
    steps.map(|step| step.part(kind.clone(), name)).collect()
}

/// Sleeps and doubles the pause; `false` if it was stopped meanwhile.
pub(super) async fn sleep_unless(pause: &mut Duration, stop: &CancellationToken) -> bool {
    let sleeping = tokio::time::sleep(*pause);
    *pause = (*pause * 2).min(PAUSE.1);
    tokio::select! {
        () = sleeping => true,
        () = stop.cancelled() => false,
    }
}
