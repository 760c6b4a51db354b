//! Partitions that an earlier, larger number left behind: emptied before the partitions that their rooms belong to now
//! are worked on, so that nobody overtakes what was acknowledged before the change (`docs/adr/0009`).
//!
//! Only rooms of a leftover partition may change places: that holds if the new number divides the old one.

use std::time::Duration;

use chat_backends::postgres::event_groups;
use chat_backends::rabbitmq::event_log::EventLog;
use chat_backends::rabbitmq::topology::{self, Leftover};
use chat_backends::rabbitmq::{Broker, BrokerError};
use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::group_commit::GroupCommit;
use super::ownership;
use super::partition::{Partition, Place};
use super::trail::Log;
use super::{SessionEnd, Worker};

/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(200);
/// Between two looks for partitions that came back: a process of before the change makes its own again.
const WATCH: Duration = Duration::from_secs(60);
/// The name under which one processor is chosen to do it.
const LEAD: &str = "leftover-partitions";

/// Returns once no leftover partition exists, or on `stop`. Of several processors one does the work, the others wait.
pub(super) async fn drain(
    worker: &Worker,
    broker: &Broker,
    stop: &CancellationToken,
) -> Result<(), SessionEnd> {
    let config = &worker.rabbitmq;
    while !stop.is_cancelled() {
        let left = topology::leftover_partitions(broker, config).await?;
        if left.is_empty() {
            return Ok(());
        }
        // From here on nothing new comes in: a gateway of before is refused, and its client sends again.
        topology::retire(broker, config, &left).await?;
        if let Some(lead) = lead(worker).await {
            tracing::info!(
                partitions = left.len(),
                "emptying the partitions of an earlier number"
            );
            let emptied = empty(worker, broker, &left, stop).await;
            // The lead ends with its connection.
            drop(lead);
            emptied?;
        } else {
            tokio::select! { () = tokio::time::sleep(LOOK) => {}, () = stop.cancelled() => {} }
        }
    }
    Ok(())
}

/// Ends the session when a leftover partition has come back.
pub(super) async fn watch(
    worker: Worker,
    broker: Broker,
    stop: CancellationToken,
) -> Result<(), SessionEnd> {
    while stop
        .run_until_cancelled(tokio::time::sleep(WATCH))
        .await
        .is_some()
    {
        if !topology::leftover_partitions(&broker, &worker.rabbitmq)
            .await?
            .is_empty()
        {
            return Err(SessionEnd::Leftovers);
        }
    }
    Ok(())
}

async fn lead(worker: &Worker) -> Option<sqlx::PgConnection> {
    let led = async {
        let mut connection = worker.context.pg.acquire().await?.detach();
        let leads = event_groups::try_lead(&mut connection, LEAD).await?;
        Ok::<_, sqlx::Error>(leads.then_some(connection))
    };
    led.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "leftover partitions wait for Postgres");
        None
    })
}

/// Works on the leftover partitions until they are empty and nobody else is attached, and deletes them.
async fn empty(
    worker: &Worker,
    broker: &Broker,
    left: &[Leftover],
    stop: &CancellationToken,
) -> Result<(), SessionEnd> {
    // Above all earlier owners: the broker hands over once they have finished what they hold.
    let rank = worker
        .heartbeats
        .next_generation(&worker.context.redis)
        .await
        .unwrap_or_default();
    let numbers: Vec<u16> = left.iter().map(|(_, number)| *number).collect();
    let (_share, ownership) = ownership::fixed(&numbers, rank);
    let over = stop.child_token();
    let mut workers: JoinSet<Result<(), SessionEnd>> = JoinSet::new();
    let (group, committing) = GroupCommit::new(worker.context.clone(), worker.metrics.clone());
    workers.spawn(committing.map(Ok));
    let log = Log {
        log: EventLog::open(broker, &worker.rabbitmq).await?,
        broker: broker.clone(),
        metrics: worker.metrics.clone(),
    };
    for (queue, number) in left {
        let (queue, number) = (*queue, *number);
        let place = Place { queue, number };
        let (log, group) = (log.clone(), group.clone());
        let partition = Partition::new(worker.clone(), log, group, place);
        workers.spawn(partition.run(ownership.clone(), over.clone()));
    }
    drop(group);
    let mut ended = Ok(());
    loop {
        tokio::select! {
            Some(worker) = workers.join_next() => {
                ended = worker.map_err(SessionEnd::from).flatten();
                break;
            }
            () = tokio::time::sleep(LOOK) => {}
        }
        // Held jobs wait for their retries and are in no count of the broker's.
        if worker.metrics.held.get() == 0 && are_done(worker, broker, left, 1).await? {
            break;
        }
    }
    over.cancel();
    while let Some(worker) = workers.join_next().await {
        let worker = worker.map_err(SessionEnd::from).flatten();
        ended = ended.and(worker);
    }
    ended?;
    // With our consumers closed, what they held is ready again: only now is empty really empty.
    if are_done(worker, broker, left, 0).await? {
        topology::remove(broker, &worker.rabbitmq, left).await?;
    }
    Ok(())
}

async fn are_done(
    worker: &Worker,
    broker: &Broker,
    left: &[Leftover],
    consumers: u64,
) -> Result<bool, BrokerError> {
    let depths = topology::depths(broker, &worker.rabbitmq, left).await?;
    Ok(depths
        .iter()
        .all(|depth| depth.ready == 0 && depth.consumers <= consumers))
}
