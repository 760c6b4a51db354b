//! `call.initiate`: rings the other members of a room; and what becomes of calls that nobody takes.

use chat_backends::postgres::calls::{self, NewCall};
use chat_backends::postgres::{members, users};
use chat_backends::redis::presence;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{CallId, UserId};
use chat_core::job::{self, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{CallMedia, CallState};
use chat_core::protocol::server::{ServerEvent, UnavailableReason};
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{access, call_message, commit};
use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::{Failure, unavailable};

/// Most calls that are given up in one go.
const RUNG_OUT: u32 = 50;

/// A call that passed every check.
#[derive(Debug)]
pub struct Checked {
    /// The job to publish.
    pub job: Job,
    /// The id that the call gets.
    pub call_id: CallId,
}

/// Checks everything that can be refused.
///
/// # Errors
/// `validation_failed`, `room_not_found`, `not_member`, `blocked`, `call_busy`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    call: client::CallInitiate,
) -> Result<Checked, Refusal> {
    bounded_sdp(call.sdp.as_deref())?;
    let access = access::of_member(context, call.room_id, actor.user_id).await?;
    if access.blocked {
        let message = "One of you has blocked the other.";
        return Err(Refusal::new(ErrorCode::Blocked, message));
    }
    let live = calls::live(&context.pg, call.room_id)
        .await
        .map_err(|error| unavailable(&error))?;
    if live.is_some() {
        let message = "There is a call in this room already.";
        return Err(Refusal::new(ErrorCode::CallBusy, message));
    }
    let call_id = CallId::now_v7();
    let act = job::Act::InitiateCall {
        call_id,
        media: call.media,
        sdp: call.sdp,
    };
    Ok(Checked {
        job: actor.job(Some(call.room_id), act),
        call_id,
    })
}

/// A session description is bounded as all signalling is.
///
/// # Errors
/// `validation_failed`.
pub fn bounded_sdp(sdp: Option<&str>) -> Result<(), Refusal> {
    if sdp.is_some_and(|sdp| sdp.len() > limits::SIGNAL_BYTES) {
        let message = format!("must be at most {} bytes", limits::SIGNAL_BYTES);
        return Err(Refusal::invalid("sdp", "too_long", message));
    }
    Ok(())
}

/// Begins the call and rings, or says that nobody can be reached. Of two who call at once, one gets through.
///
/// # Errors
/// [`Failure`] of a store.
pub async fn apply(
    context: &Context,
    connection: &mut PgConnection,
    job: &Job,
    (call_id, media): (CallId, CallMedia),
    sdp: Option<&str>,
) -> Result<Vec<Effect>, Failure> {
    let room_id = commit::room_of(job)?;
    let others: Vec<UserId> = members::ids(&mut *connection, room_id)
        .await?
        .into_iter()
        .filter(|member| *member != job.user_id)
        .collect();
    let expires_at = job.created_at + limits::CALL_RINGS;
    let new = NewCall {
        id: call_id,
        room_id,
        media,
        caller_id: job.user_id,
        called: others.clone(),
        created_at: job.created_at,
        rings_until: expires_at,
    };
    if !calls::begin(&mut *connection, &new).await? {
        return not_reached(job, call_id, UnavailableReason::Busy);
    }
    let online = presence::online_among(&context.redis, &others)
        .await
        .map_err(|error| Failure::Unavailable(error.into()))?;
    if online.is_empty() {
        let place = (room_id, call_id);
        let state = CallState::Unavailable;
        let now = Timestamp::now();
        calls::end(&mut *connection, place, state, Some("offline"), now).await?;
        let mut effects = not_reached(job, call_id, UnavailableReason::Offline)?;
        if let Some(call) = calls::by_id(&mut *connection, call_id).await? {
            effects.extend(call_message::append(connection, &call).await?);
        }
        return Ok(effects);
    }
    let Some(from) = users::refs(connection, &[job.user_id]).await?.pop() else {
        return Ok(vec![]);
    };
    let event = ServerEvent::CallRinging {
        call_id,
        room_id,
        media,
        from,
        sdp: sdp.map(ToOwned::to_owned),
        expires_at,
    };
    let mut ringing = Effect::of_job(Target::Room(room_id), &event, job)?;
    ringing.fanout.except_user = Some(job.user_id);
    Ok(vec![ringing])
}

fn not_reached(
    job: &Job,
    call_id: CallId,
    reason: UnavailableReason,
) -> Result<Vec<Effect>, Failure> {
    let event = ServerEvent::CallUnavailable {
        call_id,
        room_id: commit::room_of(job)?,
        reason,
    };
    Ok(vec![Effect::of_job(
        Target::User(job.user_id),
        &event,
        job,
    )?])
}

/// Gives up calls that rang too long, and says so; returns how many. Several processes may do it at once.
///
/// # Errors
/// [`Failure`] of a store.
pub async fn give_up_unanswered(context: &Context, now: Timestamp) -> Result<usize, Failure> {
    let mut transaction = context.pg.begin().await?;
    let rung_out = calls::rung_out(&mut transaction, now, RUNG_OUT).await?;
    let told = call_message::end_all(&mut transaction, &rung_out, CallState::Missed, now).await?;
    transaction.commit().await?;
    if let Err(error) = effects::publish(&context.redis, &told).await {
        tracing::warn!(%error, "missed calls were noted but not told");
    }
    Ok(rung_out.len())
}
