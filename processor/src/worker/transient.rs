//! The work on the low queue: typing and presence. All processors share it; what fails is dropped, late typing is worthless.

use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::consumer::{ConsumeOptions, Consumer};
use chat_backends::rabbitmq::delivery::Delivery;
use chat_backends::rabbitmq::event_log::{Entry, EventLog};
use chat_core::names::Queue;
use chat_core::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::metrics::{JobLabels, JobResult, KindLabels};
use super::{SessionEnd, Worker};
use crate::domain_events;
use crate::effects::{self, Effect};
use crate::execute::execute_transient;

/// Most jobs between two acknowledgements.
const BATCH: usize = 100;

/// Works until `stop` or until the consumer ends.
pub(super) async fn run(
    worker: Worker,
    broker: Broker,
    stop: CancellationToken,
) -> Result<(), SessionEnd> {
    let log = EventLog::open(&broker, &worker.rabbitmq).await?;
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
        let mut done = Done::default();
        let mut last = first.tag;
        work(&worker, &first, &mut done).await;
        for _ in 1..BATCH {
            let Some(delivery) = consumer.next_ready() else {
                break;
            };
            let delivery = delivery?;
            last = delivery.tag;
            work(&worker, &delivery, &mut done).await;
        }
        let (heard, logged) = tokio::join!(
            effects::publish(&worker.context.redis, &done.told),
            log.append(&done.entries)
        );
        if let Err(error) = heard {
            tracing::debug!(%error, "typing and presence were dropped");
        }
        if let Err(error) = logged {
            tracing::debug!(%error, "typing and presence are missing in the event log");
        }
        consumer.ack_up_to(last).await?;
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

async fn work(worker: &Worker, delivery: &Delivery, batch: &mut Done) {
    let job = match delivery.job(&worker.job_keys) {
        Ok(job) => job,
        Err(error) => {
            tracing::warn!(%error, "a transient job was dropped");
            return;
        }
    };
    let done = execute_transient(&worker.context, &job).await;
    let result = if done.is_ok() {
        JobResult::Done
    } else {
        JobResult::Dropped
    };
    let (queue, r#type) = (Queue::Low.name(), job.act.name());
    worker
        .metrics
        .processed
        .get_or_create(&JobLabels {
            queue,
            r#type,
            result,
        })
        .inc();
    match done {
        Ok(effects) => {
            let age = job.created_at.age_at(Timestamp::now());
            worker
                .metrics
                .duration
                .get_or_create(&KindLabels { queue, r#type })
                .observe(age.as_secs_f64());
            batch.told.extend(effects);
            let event = domain_events::of_transient(&job, Timestamp::now());
            let traceparent = delivery.traceparent.as_deref();
            let entry = event.map(|event| domain_events::entry(&event, traceparent));
            batch.entries.extend(entry);
        }
        Err(error) => {
            tracing::debug!(%error, job = %job.job_id, "a transient job was dropped");
        }
    }
}
