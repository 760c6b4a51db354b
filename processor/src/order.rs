//! A sender's order in a room while the broker is away.
//!
//! A send that the broker has confirmed may still lie in its queue when the broker is lost. A later send of the same
//! member that is done directly would get the smaller number. So the latest confirmed send is noted by its job, and
//! nothing is done directly before that job is done: queues are first in, first out, hence all before it are done too. That
//! its client message id is stored says less: an earlier try may have stored it, and this one still be queued behind others.
//!
//! The notes are in Redis. While it is away they go to Postgres, with all that this process remembers of those before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_backends::postgres::acknowledged::Acknowledged;
use chat_backends::postgres::{self, jobs};
use chat_backends::redis::{RedisError, acknowledged};
use chat_core::ids::{JobId, RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use sqlx::PgConnection;

use crate::context::Context;
use crate::failure::Failure;

/// An earlier send is still in the broker's queue.
#[derive(Debug, thiserror::Error)]
#[error("an earlier message of the sender is still queued")]
pub struct StillQueued;

/// The sends that the broker confirmed to one gateway lately: the latest of each member in each room.
///
/// The other gateways know them from Redis; this memory is for what Redis could not take or has lost since.
#[derive(Debug, Default)]
pub struct Confirmed {
    recent: Mutex<HashMap<(RoomId, UserId), Recent>>,
    /// Held while Postgres is told, so that one tells all and the others only what is new.
    outage: tokio::sync::Mutex<Outage>,
}

/// An outage of Redis, as far as the notes are concerned.
#[derive(Debug, Default)]
struct Outage {
    /// Postgres has what was remembered when it began, and each send since.
    is_told: bool,
    /// When Postgres was last away too.
    failed_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    job: JobId,
    at: Instant,
}

/// How long a confirmed send is remembered here: longer than any queue should be.
const LASTS: Duration = Duration::from_secs(600);
/// How many notes are on their way to Redis at once.
const NOTES_AT_ONCE: usize = 256;
/// How many notes one statement brings into Postgres.
const NOTES_OF_ONE_STATEMENT: usize = 1000;
/// How long Postgres is not asked again that did not take the notes: senders wait for it.
const POSTGRES_AGAIN: Duration = Duration::from_secs(1);
/// Every so many sends the memory is cleared of what is older.
const PRUNE_EVERY: usize = 1024;

impl Confirmed {
    /// Notes that the broker has confirmed `job`: to be called before its sender is told so.
    pub async fn note(&self, context: &Context, job: &Job) {
        let (Act::SendMessage(_), Some(room)) = (&job.act, job.room_id) else {
            return;
        };
        self.remember((room, job.user_id), job.job_id);
        let noted = acknowledged::note(&context.redis, room, job.user_id, job.job_id).await;
        if noted.is_err() {
            let send = Acknowledged {
                room,
                sender: job.user_id,
                job: job.job_id,
            };
            self.tell_postgres(context, Some(send)).await;
        }
    }

    /// Redis may have lost the notes, and this process may not live until it is back: Postgres is told what is remembered
    /// of them, once for each time that Redis is away.
    pub async fn redis_is_away(&self, context: &Context) {
        self.tell_postgres(context, None).await;
    }

    /// Redis answers: the next time that it is away is another one. While Postgres is being told, the next call says so.
    pub fn redis_is_there(&self) {
        if let Ok(mut outage) = self.outage.try_lock() {
            *outage = Outage::default();
        }
    }

    /// Tells all that is remembered, `new` among it, or `new` alone if the others are told.
    async fn tell_postgres(&self, context: &Context, new: Option<Acknowledged>) {
        let mut outage = self.outage.lock().await;
        let failed_lately = outage
            .failed_at
            .is_some_and(|at| at.elapsed() < POSTGRES_AGAIN);
        let sends: Vec<Acknowledged> = match new {
            _ if failed_lately => return,
            Some(new) if outage.is_told => vec![new],
            None if outage.is_told => return,
            _ => {
                let remembered = self.remembered().into_iter();
                let acknowledged = remembered.map(|((room, sender), sent)| Acknowledged {
                    room,
                    sender,
                    job: sent.job,
                });
                acknowledged.collect()
            }
        };
        for sends in sends.chunks(NOTES_OF_ONE_STATEMENT) {
            let noted = postgres::acknowledged::note(&context.pg, sends, Timestamp::now()).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "confirmed sends are known to this gateway only");
                *outage = Outage {
                    is_told: false,
                    failed_at: Some(Instant::now()),
                };
                return;
            }
        }
        // Not before, for whoever waits for this may give up.
        outage.is_told = true;
    }

    /// Tells Redis what it may have lost, once it is back.
    ///
    /// # Errors
    /// [`RedisError`] if it is away again.
    pub async fn note_again(&self, context: &Context) -> Result<(), RedisError> {
        self.redis_is_there();
        stream::iter(self.remembered())
            .map(async |((room, sender), sent)| {
                acknowledged::note(&context.redis, room, sender, sent.job).await
            })
            .buffer_unordered(NOTES_AT_ONCE)
            .try_collect()
            .await
    }

    /// Lets a send be done directly only if the latest confirmed one before it, as far as this gateway knows, is done.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] with [`StillQueued`], or if Postgres is away.
    pub async fn require_done(&self, context: &Context, job: &Job) -> Result<(), Failure> {
        let (Act::SendMessage(_), Some(room)) = (&job.act, job.room_id) else {
            return Ok(());
        };
        let latest = self
            .lock()
            .get(&(room, job.user_id))
            .filter(|recent| recent.at.elapsed() < LASTS)
            .map(|recent| recent.job);
        let Some(latest) = latest else {
            return Ok(());
        };
        let mut connection = context.pg.acquire().await?;
        require_done(&mut connection, room, latest).await
    }

    fn remembered(&self) -> Vec<((RoomId, UserId), Recent)> {
        let mut recent = self.lock();
        recent.retain(|_, recent| recent.at.elapsed() < LASTS);
        let recent = recent.iter();
        recent.map(|(key, recent)| (*key, *recent)).collect()
    }

    fn remember(&self, key: (RoomId, UserId), job: JobId) {
        let mut recent = self.lock();
        // Job ids ascend with time, and two confirms may come in the wrong order.
        if recent.get(&key).is_some_and(|known| known.job > job) {
            return;
        }
        let at = Instant::now();
        let is_new = recent.insert(key, Recent { job, at }).is_none();
        if is_new && recent.len().is_multiple_of(PRUNE_EVERY) {
            recent.retain(|_, recent| recent.at.elapsed() < LASTS);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(RoomId, UserId), Recent>> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a send be done directly only if the sender's confirmed sends in the room are done.
///
/// # Errors
/// [`Failure::Unavailable`] with [`StillQueued`], or if a store is away: the send is to be tried again later.
pub(crate) async fn require_nothing_queued(
    context: &Context,
    connection: &mut PgConnection,
    job: &Job,
) -> Result<(), Failure> {
    let (Act::SendMessage(_), Some(room)) = (&job.act, job.room_id) else {
        return Ok(());
    };
    let latest = acknowledged::latest(&context.redis, room, job.user_id)
        .await
        .map_err(|error| Failure::Unavailable(error.into()))?;
    let while_away =
        postgres::acknowledged::latest(&mut *connection, room, job.user_id, Timestamp::now())
            .await?;
    // A repeat of the noted send itself waits too: done here it would overtake what lies before it in the queue.
    for latest in latest.into_iter().chain(while_away) {
        require_done(connection, room, latest).await?;
    }
    Ok(())
}

async fn require_done(
    connection: &mut PgConnection,
    room: RoomId,
    job: JobId,
) -> Result<(), Failure> {
    match jobs::is_done(connection, room, job).await? {
        true => Ok(()),
        false => Err(Failure::Unavailable(StillQueued.into())),
    }
}

/// Lets nothing wait for a send that is a dead letter now.
pub(crate) async fn given_up(context: &Context, job: &Job) {
    let (Act::SendMessage(_), Some(room)) = (&job.act, job.room_id) else {
        return;
    };
    let done = jobs::claim(&context.pg, &[(room, job.job_id)], Timestamp::now()).await;
    if let Err(error) = done {
        tracing::warn!(%error, job = %job.job_id, "sends that are done directly wait for a dead letter");
    }
}
