//! The work on the low queue: typing and presence. All processors share it; what fails is dropped, late typing is worthless.

use std::collections::BTreeMap;

use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::consumer::{ConsumeOptions, Consumer};
use chat_backends::rabbitmq::delivery::Delivery;
use chat_backends::rabbitmq::event_log::{Entry, EventLog};
use chat_core::ids::UserId;
use chat_core::job::{Act, Job};
use chat_core::names::Queue;
use chat_core::time::Timestamp;
use futures::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;

use super::metrics::{JobLabels, JobResult, KindLabels};
use super::{SessionEnd, Worker};
use crate::commands::contacts;
use crate::domain_events;
use crate::effects::{self, Effect};
use crate::execute::execute_transient;

/// Most jobs between two acknowledgements.
const BATCH: usize = 100;
/// Users whose jobs are done at a time.
const AT_ONCE: usize = 16;

/// Works until `stop` or until the consumer ends.
pub(super) async fn run(
    worker: Worker,
    broker: Broker,
    log: EventLog,
    stop: CancellationToken,
) -> Result<(), SessionEnd> {
    let options = ConsumeOptions {
        queue: worker.rabbitmq.names.partition(Queue::Low, 0),
        priority: 0,
        prefetch: worker.rabbitmq.prefetch,
        name: worker.name.to_string(),
    };
    let mut consumer = Consumer::attach(&broker, options).await?;
    loop {
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            delivery = consumer.next() => delivery?,
        };
        let batch = consumer.with_ready(first, BATCH)?;
        let last = batch.last().map(|delivery| delivery.tag);
        let done = work(&worker, &batch).await;
        let entries = done.entries.into();
        let (heard, logged) = tokio::join!(
            effects::publish(&worker.context.redis, &done.told),
            log.append(&entries)
        );
        if let Err(error) = heard {
            tracing::debug!(%error, "typing and presence were dropped");
        }
        if let Err(error) = logged {
            tracing::debug!(%error, "typing and presence are missing in the event log");
        }
        if let Some(last) = last {
            consumer.ack_up_to(last).await?;
        }
    }
    consumer.close().await;
    Ok(())
}

/// What is to be told of a batch.
#[derive(Default)]
struct Done {
    told: Vec<Effect>,
    entries: Vec<Entry>,
}

/// Does a batch, the jobs of many users at a time; what is told of it keeps the order of the queue.
async fn work(worker: &Worker, batch: &[Delivery]) -> Done {
    let jobs: Vec<(Job, Option<&str>)> = batch
        .iter()
        .filter_map(|delivery| {
            let job = delivery
                .job(&worker.job_keys)
                .inspect_err(|error| tracing::warn!(%error, "a transient job was dropped"))
                .ok()?;
            Some((job, delivery.traceparent.as_deref()))
        })
        .collect();
    let coming_and_going: Vec<UserId> = jobs
        .iter()
        .filter(|(job, _)| matches!(job.act, Act::SetPresence { .. }))
        .map(|(job, _)| job.user_id)
        .collect();
    if !coming_and_going.is_empty()
        && let Err(error) = contacts::remember(&worker.context, &coming_and_going).await
    {
        tracing::debug!(%error, "contacts are asked for one by one");
    }
    let mut traces = Vec::with_capacity(jobs.len());
    let mut by_user: BTreeMap<UserId, Vec<(usize, Job)>> = BTreeMap::new();
    for (place, (job, traceparent)) in jobs.into_iter().enumerate() {
        traces.push(traceparent);
        by_user.entry(job.user_id).or_default().push((place, job));
    }
    let doing = by_user.into_values().map(|jobs| async move {
        let mut outcomes = Vec::with_capacity(jobs.len());
        for (place, job) in jobs {
            let outcome = execute_transient(&worker.context, &job).await;
            outcomes.push((place, job, outcome));
        }
        outcomes
    });
    let outcomes: Vec<Vec<_>> = stream::iter(doing)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    outcomes.sort_by_key(|(place, ..)| *place);
    let mut done = Done::default();
    for ((_, job, outcome), traceparent) in outcomes.into_iter().zip(traces) {
        count(worker, &job, outcome.is_ok());
        match outcome {
            Ok(effects) => {
                done.told.extend(effects);
                let event = domain_events::of_transient(&job, Timestamp::now());
                let entry = event.map(|event| domain_events::entry(&event, traceparent));
                done.entries.extend(entry);
            }
            Err(error) => {
                tracing::debug!(%error, job = %job.job_id, "a transient job was dropped");
            }
        }
    }
    done
}

fn count(worker: &Worker, job: &Job, is_done: bool) {
    let (queue, r#type) = (Queue::Low.name(), job.act.name());
    let result = if is_done {
        JobResult::Done
    } else {
        JobResult::Dropped
    };
    let labels = JobLabels {
        queue,
        r#type,
        result,
    };
    worker.metrics.processed.get_or_create(&labels).inc();
    if is_done {
        let age = job.created_at.age_at(Timestamp::now());
        let labels = KindLabels { queue, r#type };
        let duration = worker.metrics.duration.get_or_create(&labels);
        duration.observe(age.as_secs_f64());
    }
}
