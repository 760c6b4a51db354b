//! A sender's order in a room while the broker is away.
//!
//! A send that the broker has confirmed may still lie in its queue when the broker is lost. A later send of the same
//! member that is done directly would get the smaller number. So the latest confirmed send is noted, and nothing is done
//! directly before that one is stored: queues are first in, first out, hence all before it are stored too.

use chat_backends::postgres::messages;
use chat_backends::redis::acknowledged;
use chat_core::job::{Act, Job};
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::context::Context;
use crate::failure::Failure;

/// An earlier send is still in the broker's queue.
#[derive(Debug, thiserror::Error)]
#[error("an earlier message of the sender is still queued")]
pub struct StillQueued;

/// Notes that the broker has confirmed `job`: to be called before its sender is told so.
///
/// A failure is logged only: it could cost the order of two messages, in an outage of two backends at once.
pub async fn confirmed(context: &Context, job: &Job) {
    if let (Act::SendMessage(send), Some(room)) = (&job.act, job.room_id) {
        let id = &send.client_msg_id;
        let noted = acknowledged::note(&context.redis, room, job.user_id, job.job_id, id).await;
        if let Err(error) = noted {
            tracing::warn!(%error, "a confirmed send was not noted");
        }
    }
}

/// Lets a send be done directly only if the sender's confirmed sends in the room are stored.
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
    // A repeat of the noted send itself waits too: done here it would overtake what lies before it in the queue.
    let Some(latest) = latest else {
        return Ok(());
    };
    let now = Timestamp::now();
    match messages::by_client_msg_id(connection, room, job.user_id, &latest, now).await? {
        Some(_) => Ok(()),
        None => Err(Failure::Unavailable(StillQueued.into())),
    }
}

/// Forgets a send that is a dead letter now: nothing has to wait for it.
pub(crate) async fn given_up(context: &Context, job: &Job) {
    if let (Act::SendMessage(_), Some(room)) = (&job.act, job.room_id) {
        let forgotten = acknowledged::forget(&context.redis, room, job.user_id, job.job_id).await;
        if let Err(error) = forgotten {
            tracing::debug!(%error, "the note of a dead letter will run out by itself");
        }
    }
}
