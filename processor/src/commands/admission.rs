//! Whether a send is let through: Redis answers in one call what it knows, Postgres the rest.
//!
//! While Redis is away, Postgres says who may send, nobody is limited, and repeats are found when they are stored: sending
//! goes on.

use chat_backends::postgres::{attachments, messages};
use chat_backends::redis::admission::{self, Admission, Send};
use chat_backends::redis::dedup::{self, Claim};
use chat_backends::redis::rate_limit::TokenBucket;
use chat_backends::redis::{RedisError, members};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{JobId, MessageId, RoomId, UserId};
use chat_core::job::{Act, Job, SendMessage};

use crate::commands::access;
use crate::context::Context;
use crate::failure::unavailable;

/// Lets a send pass; returns the job of the first send under the same client message id, which is this one unless it
/// is a repeat.
///
/// # Errors
/// `room_not_found`, `not_member`, `blocked`, `muted`, `message_not_found`, `forbidden`, `rate_limited`, `spam_detected`, `unavailable`.
pub(super) async fn admit(
    context: &Context,
    job: &Job,
    room: RoomId,
    send: &SendMessage,
) -> Result<JobId, Refusal> {
    // What a message refers to is looked up before anything is counted, and membership before that.
    if send.reply_to.is_none() && send.thread_id.is_none() && send.attachments.is_empty() {
        match ask(context, job, room, send, false).await {
            Ok(Admission::Unknown) => {}
            other => return judge(job, other),
        }
    }
    look_up(context, job, room, send).await?;
    judge(job, ask(context, job, room, send, true).await)
}

async fn ask(
    context: &Context,
    job: &Job,
    room: RoomId,
    send: &SendMessage,
    may_send: bool,
) -> Result<Admission, RedisError> {
    let asked = Send {
        user: job.user_id,
        room,
        client_msg_id: &send.client_msg_id,
        job: job.job_id,
        content: &send.content,
    };
    let bucket = TokenBucket {
        burst: context.policy.message_burst,
        per_second: context.policy.message_rate,
    };
    let admitted = admission::admit(&context.redis, asked, bucket, may_send).await;
    match admitted {
        // Then only Postgres is left to ask, which is what an unknown sender needs.
        Err(error) if !may_send => {
            tracing::warn!(%error, "Redis did not answer about a send; Postgres will");
            Ok(Admission::Unknown)
        }
        other => other,
    }
}

/// Asks Postgres whether the sender may, and remembers a yes that holds until something changes.
async fn look_up(
    context: &Context,
    job: &Job,
    room: RoomId,
    send: &SendMessage,
) -> Result<(), Refusal> {
    // Read first: a change that comes in between makes the note void.
    let version = members::version(&context.redis, room).await;
    let access = access::require_sender(context, room, job.user_id).await?;
    same_room(context, room, send.reply_to, "replyTo").await?;
    same_room(context, room, send.thread_id, "threadId").await?;
    own_files(context, job.user_id, send).await?;
    if let Ok(version) = version
        && access::is_unconditional(&access)
        && let Err(error) = admission::note_sender(&context.redis, room, job.user_id, version).await
    {
        tracing::debug!(%error, "a sender was not remembered");
    }
    Ok(())
}

async fn same_room(
    context: &Context,
    room: RoomId,
    message: Option<MessageId>,
    path: &str,
) -> Result<(), Refusal> {
    let Some(message) = message else {
        return Ok(());
    };
    let place = messages::locate(&context.pg, message)
        .await
        .map_err(|error| unavailable(&error))?;
    if place.is_some_and(|(found, _)| found == room) {
        Ok(())
    } else {
        let text = format!("{path}: there is no such message in this room.");
        Err(Refusal::new(ErrorCode::MessageNotFound, text))
    }
}

/// Files are sent by whoever uploaded them; others forward the message that holds them.
async fn own_files(context: &Context, sender: UserId, send: &SendMessage) -> Result<(), Refusal> {
    if send.attachments.is_empty() || send.forwarded_from.is_some() {
        return Ok(());
    }
    let own = attachments::all_uploaded_by(&context.pg, sender, &send.attachments)
        .await
        .map_err(|error| unavailable(&error))?;
    if own {
        Ok(())
    } else {
        let message = "attachments: one of these files is not yours, or does not exist.";
        Err(Refusal::new(ErrorCode::Forbidden, message))
    }
}

fn judge(job: &Job, admission: Result<Admission, RedisError>) -> Result<JobId, Refusal> {
    match admission {
        Ok(Admission::Admitted(Claim::Repeat(first))) => Ok(first),
        Ok(Admission::Admitted(Claim::First) | Admission::Unknown) => Ok(job.job_id),
        Ok(Admission::Limited { retry_after }) => Err(Refusal::new(
            ErrorCode::RateLimited,
            "You are sending too fast. Please wait a moment.",
        )
        .retry_after(retry_after)),
        Ok(Admission::Spam) => Err(Refusal::new(
            ErrorCode::SpamDetected,
            "You sent the same message too often. Please wait a moment.",
        )),
        Err(error) => {
            tracing::warn!(%error, "Redis did not answer about a send; it is let through");
            Ok(job.job_id)
        }
    }
}

/// Takes back what was noted of a send that was not published after all: its next try is a first one again.
pub async fn give_back(context: &Context, job: &Job) {
    let (Some(room), Act::SendMessage(send)) = (job.room_id, &job.act) else {
        return;
    };
    let id = &send.client_msg_id;
    let released = dedup::release(&context.redis, job.user_id, room, id, job.job_id).await;
    if let Err(error) = released {
        tracing::debug!(%error, "the duplicate guard keeps a send that was not published");
    }
}
