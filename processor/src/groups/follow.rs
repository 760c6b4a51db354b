//! Following the log: lead, read, keep, remember the place.
//!
//! Groups that stand at one place read together: the broker gives each entry out once, and a batch is one transaction.
//! A group that was sent back reads alone until it stands where the others are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_backends::config::RabbitConfig;
use chat_backends::postgres::event_groups::{self, Claim, Position};
use chat_backends::rabbitmq::consumer::ConsumerEnd;
use chat_backends::rabbitmq::log_reader::{From, LogReader, Logged};
use chat_backends::rabbitmq::{Broker, BrokerError, topology};
use chat_core::event::DomainEvent;
use chat_core::time::Timestamp;
use futures::future::try_join_all;
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::Group;
use crate::failure::Failure;

/// Most entries of one transaction.
const BATCH: usize = 500;
/// Entries that the broker may send ahead.
const AHEAD: u16 = 2000;
/// How long a batch may wait to become fuller.
const LINGER: Duration = Duration::from_millis(200);
/// How often a group that has nothing to read looks whether it was sent elsewhere.
const LOOK: Duration = Duration::from_secs(2);
/// How long those who do not lead, or lost a backend, wait.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a transaction may take before its connection is given up, and with it the lead.
const TRANSACTION: Duration = Duration::from_secs(30);
/// Entries that some groups are behind for which the others wait: seconds of work, and all read together again.
const NEAR: i64 = 5000;

/// Follows the log for all groups.
pub(super) struct Follower {
    pub(super) pool: PgPool,
    pub(super) rabbitmq: Arc<RabbitConfig>,
    pub(super) name: Arc<str>,
}

/// Groups that stand at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pack {
    groups: Vec<Group>,
    place: Position,
    /// Where they stop: others stand there.
    until: Option<i64>,
}

/// Why the groups stopped reading.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Consumer(#[from] ConsumerEnd),
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("a transaction did not end")]
    Stuck(#[from] tokio::time::error::Elapsed),
}

/// What came of a batch.
enum Kept {
    /// It is kept; the groups stand here now.
    UpTo(i64),
    /// Somebody sent a group elsewhere.
    Elsewhere,
}

/// Why a pack stopped reading, when nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Some group is not where it was: it is to be seen anew who reads with whom.
    Moved,
    /// There was nothing to read, and it is to stop at a place.
    Idle,
}

impl Pack {
    fn names(&self) -> Vec<&'static str> {
        self.groups.iter().map(|group| group.name()).collect()
    }

    fn is_near(&self, other: &Self) -> bool {
        self.place.from_time.is_none() && other.place.next_offset - self.place.next_offset <= NEAR
    }

    /// What of the batch lies before the place where the pack stops.
    fn own<'batch>(&self, batch: &'batch [Logged]) -> &'batch [Logged] {
        let end =
            batch.partition_point(|entry| self.until.is_none_or(|until| entry.offset < until));
        &batch[..end]
    }
}

impl Follower {
    pub(super) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(Err(end)) = stop.run_until_cancelled(self.lead()).await {
                tracing::warn!(%end, "the consumer groups pause");
            }
            stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    }

    /// Leads all groups until something ends it; returns at once if another processor leads.
    async fn lead(&self) -> Result<(), End> {
        // Taken out of the pool: the lead is tied to the connection and ends with it.
        let mut connection = self.pool.acquire().await?.detach();
        for group in Group::ALL {
            if !event_groups::try_lead(&mut connection, group.name()).await? {
                connection.close().await?;
                return Ok(());
            }
        }
        let name = format!("{} event log", self.name);
        let broker = Broker::connect(&self.rabbitmq, &name).await?;
        topology::declare(&broker, &self.rabbitmq).await?;
        tracing::info!("this processor leads the consumer groups");
        let end = tokio::select! {
            end = self.follow(&broker) => end,
            end = lost(&mut connection) => end,
        };
        broker.close().await;
        end
    }

    /// Round by round: groups that stand at one place read together, and a round ends when a group has moved.
    async fn follow(&self, broker: &Broker) -> Result<(), End> {
        let mut may_wait = true;
        loop {
            let mut packs = packs(&self.places(&Group::ALL).await?);
            if let Some((foremost, behind)) = packs.split_last()
                && !behind.is_empty()
                && may_wait
                && behind.iter().all(|pack| pack.is_near(foremost))
            {
                packs.pop();
            }
            let over = AtomicBool::new(false);
            let reading = packs.into_iter().map(|pack| self.read(pack, broker, &over));
            // Entries that the log does not have any more can't be waited for.
            may_wait = !try_join_all(reading).await?.contains(&Stop::Idle);
        }
    }

    /// Reads from the pack's place until the round is over.
    async fn read(&self, mut pack: Pack, broker: &Broker, over: &AtomicBool) -> Result<Stop, End> {
        let from = match pack.place.from_time {
            Some(time) => From::Time(time),
            None => From::Offset(pack.place.next_offset),
        };
        let name = pack.names().join(" ");
        let mut reader = LogReader::attach(broker, &self.rabbitmq, &name, from, AHEAD).await?;
        let stop = loop {
            let began_by_time = pack.place.from_time.is_some();
            match tokio::time::timeout(LOOK, reader.next_batch(BATCH, LINGER)).await {
                Ok(batch) => {
                    let batch = batch?;
                    match self.keep(&pack, pack.own(&batch)).await? {
                        Kept::UpTo(next_offset) => pack.place = Position::at(next_offset),
                        Kept::Elsewhere => break Stop::Moved,
                    }
                    reader.release().await?;
                    // Whoever began by a time knows now how far behind the others it is.
                    if began_by_time
                        || pack
                            .until
                            .is_some_and(|until| pack.place.next_offset >= until)
                    {
                        break Stop::Moved;
                    }
                }
                Err(_nothing) => {
                    let places = self.places(&pack.groups).await?;
                    if places.iter().any(|(_, place)| *place != pack.place) {
                        break Stop::Moved;
                    }
                    if pack.until.is_some() {
                        break Stop::Idle;
                    }
                }
            }
            if over.load(Ordering::Relaxed) {
                break Stop::Moved;
            }
        };
        over.store(true, Ordering::Relaxed);
        Ok(stop)
    }

    async fn places(&self, groups: &[Group]) -> Result<Vec<(Group, Position)>, End> {
        let mut transaction = self.pool.begin().await?;
        let places = lock(&mut transaction, groups).await?;
        transaction.commit().await?;
        Ok(places)
    }

    async fn keep(&self, pack: &Pack, batch: &[Logged]) -> Result<Kept, End> {
        let mut connection = self.pool.acquire().await?;
        let keeping = keep(&mut connection, pack, batch);
        match tokio::time::timeout(TRANSACTION, keeping).await {
            Ok(kept) => kept,
            Err(elapsed) => {
                // It may hang for ever, so it does not go back to the pool.
                drop(connection.detach());
                Err(elapsed.into())
            }
        }
    }
}

/// Returns when the connection that the lead is tied to is gone.
async fn lost(connection: &mut PgConnection) -> Result<(), End> {
    loop {
        tokio::time::sleep(LOOK).await;
        tokio::time::timeout(TRANSACTION, connection.ping()).await??;
    }
}

/// The groups by their places, the foremost last; each but the last stops where the last stands.
fn packs(places: &[(Group, Position)]) -> Vec<Pack> {
    let mut packs: Vec<Pack> = Vec::new();
    for (group, place) in places {
        match packs.iter_mut().find(|pack| pack.place == *place) {
            Some(pack) => pack.groups.push(*group),
            None => packs.push(Pack {
                groups: vec![*group],
                place: *place,
                until: None,
            }),
        }
    }
    // Where in the log a time lies is not known before it is read there.
    packs.sort_by_key(|pack| (pack.place.from_time.is_none(), pack.place.next_offset));
    if let Some((foremost, behind)) = packs.split_last_mut()
        && foremost.place.from_time.is_none()
    {
        // Whoever begins by a time may begin beyond that place, and is asked again after one batch.
        for pack in behind
            .iter_mut()
            .filter(|pack| pack.place.from_time.is_none())
        {
            pack.until = Some(foremost.place.next_offset);
        }
    }
    packs
}

async fn lock(
    connection: &mut PgConnection,
    groups: &[Group],
) -> Result<Vec<(Group, Position)>, End> {
    let names: Vec<&str> = groups.iter().map(|group| group.name()).collect();
    let places = event_groups::lock(connection, &names, Timestamp::now()).await?;
    Ok(groups.iter().copied().zip(places).collect())
}

/// Keeps a batch; if that fails for a reason of its own, group by group, and for the group that fails entry by entry, leaving
/// out what fails.
async fn keep(connection: &mut PgConnection, pack: &Pack, batch: &[Logged]) -> Result<Kept, End> {
    match keep_together(connection, pack, batch, true).await {
        Err(End::Failed(Failure::Job(_) | Failure::Reject(_))) => {}
        other => return other,
    }
    let mut end = pack.place.next_offset;
    for group in &pack.groups {
        let mut alone = Pack {
            groups: vec![*group],
            ..pack.clone()
        };
        match keep_together(connection, &alone, batch, true).await {
            Err(End::Failed(Failure::Job(_) | Failure::Reject(_))) => {}
            Ok(Kept::UpTo(next_offset)) => {
                end = next_offset;
                continue;
            }
            other => return other,
        }
        for entry in batch {
            let one = std::slice::from_ref(entry);
            let kept = match keep_together(connection, &alone, one, true).await {
                Err(End::Failed(failure @ (Failure::Job(_) | Failure::Reject(_)))) => {
                    let (group, offset) = (group.name(), entry.offset);
                    tracing::error!(group, offset, %failure, "a consumer group leaves an event out");
                    keep_together(connection, &alone, one, false).await?
                }
                other => other?,
            };
            match kept {
                Kept::UpTo(next_offset) => alone.place = Position::at(next_offset),
                Kept::Elsewhere => return Ok(Kept::Elsewhere),
            }
        }
        end = alone.place.next_offset;
    }
    Ok(Kept::UpTo(end))
}

/// One transaction: what the groups keep of the batch, what they dealt with, and where they stand then.
async fn keep_together(
    connection: &mut PgConnection,
    pack: &Pack,
    batch: &[Logged],
    handled: bool,
) -> Result<Kept, End> {
    let now = Timestamp::now();
    let mut transaction = connection.begin().await?;
    let places = lock(&mut transaction, &pack.groups).await?;
    if places.iter().any(|(_, place)| *place != pack.place) {
        return Ok(Kept::Elsewhere);
    }
    let mut events: Vec<DomainEvent> = Vec::with_capacity(batch.len());
    for entry in batch {
        match serde_json::from_slice(&entry.body) {
            Ok(event) => events.push(event),
            // A newer processor's; the group's newer version reads it in a replay.
            Err(error) => {
                tracing::warn!(offset = entry.offset, %error, "an unknown event is passed over");
            }
        }
    }
    let wanted: Vec<Claim> = pack
        .groups
        .iter()
        .flat_map(|group| {
            let wanted = events.iter().filter(|event| group.wants(event.event_type));
            wanted.map(|event| (group.name(), event.event_id))
        })
        .collect();
    let mut fresh = event_groups::claim(&mut *transaction, &wanted, now).await?;
    for group in &pack.groups {
        // Removed when met, so that an event that is in the batch twice is handled once.
        let own: Vec<&DomainEvent> = events
            .iter()
            .filter(|event| fresh.remove(&(group.name(), event.event_id)))
            .collect();
        if handled && !own.is_empty() {
            group.handle(&mut transaction, &own).await?;
        }
    }
    // Without an entry before the place where it stops, the log has lost them: it is there.
    let next = match batch.last() {
        Some(last) => last.offset + 1,
        None => pack.until.unwrap_or(pack.place.next_offset),
    };
    event_groups::advance(&mut *transaction, &pack.names(), next, now).await?;
    transaction.commit().await?;
    Ok(Kept::UpTo(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(next_offset: i64) -> Position {
        Position::at(next_offset)
    }

    #[test]
    fn groups_that_stand_at_one_place_read_together() {
        let together = packs(&[(Group::Analytics, at(7)), (Group::Audit, at(7))]);
        assert_eq!(together.len(), 1);
        assert_eq!(together[0].groups, [Group::Analytics, Group::Audit]);
        assert_eq!(together[0].until, None);
    }

    #[test]
    fn whoever_is_behind_stops_where_the_foremost_stands() {
        let time = Position {
            next_offset: 0,
            from_time: Some(Timestamp::now()),
        };
        let apart = packs(&[
            (Group::Analytics, at(9000)),
            (Group::Audit, at(3)),
            (Group::Notifications, time),
        ]);
        let until: Vec<_> = apart
            .iter()
            .map(|pack| (pack.groups[0], pack.until))
            .collect();
        assert_eq!(
            until,
            [
                (Group::Notifications, None),
                (Group::Audit, Some(9000)),
                (Group::Analytics, None)
            ]
        );
        assert!(!apart[0].is_near(&apart[2]) && !apart[1].is_near(&apart[2]));
        let batch: Vec<Logged> = [8998, 8999, 9000]
            .map(|offset| Logged {
                offset,
                body: vec![],
            })
            .into();
        assert_eq!(apart[1].own(&batch), &batch[..2]);
        assert_eq!(apart[2].own(&batch), batch);
    }
}
