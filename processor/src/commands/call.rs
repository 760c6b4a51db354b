//! `call.answer`, `call.refuse`, `call.close`: direct, because a call can't wait. The row's lock decides who was first.

use chat_backends::postgres::{calls, rooms};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{CallId, RoomId};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{Call, ParticipantState};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::call_steps::{self, Act, Step, Wrong};
use crate::commands::{access, call_message, initiate_call, text};
use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::{Failure, unavailable};

/// Takes a call.
///
/// # Errors
/// `validation_failed`, `call_not_found`, `not_member`, `forbidden`, `call_ended`, `unavailable`.
pub async fn answer(
    context: &Context,
    actor: &Actor,
    answer: client::CallAnswer,
) -> Result<Call, Refusal> {
    initiate_call::bounded_sdp(answer.sdp.as_deref())?;
    let change = Change {
        act: Act::Answer,
        sdp: answer.sdp,
        reason: None,
    };
    run(context, actor, answer.call_id, change).await
}

/// Does not take a call.
///
/// # Errors
/// As [`answer`].
pub async fn refuse(
    context: &Context,
    actor: &Actor,
    refuse: client::CallRefuse,
) -> Result<Call, Refusal> {
    let reason = text::optional("reason", refuse.reason.as_deref(), 0..=limits::REASON_CHARS)?;
    let change = Change {
        act: Act::Refuse,
        sdp: None,
        reason,
    };
    run(context, actor, refuse.call_id, change).await
}

/// Hangs up.
///
/// # Errors
/// As [`answer`].
pub async fn close(
    context: &Context,
    actor: &Actor,
    close: client::CallClose,
) -> Result<Call, Refusal> {
    let change = Change {
        act: Act::Close,
        sdp: None,
        reason: None,
    };
    run(context, actor, close.call_id, change).await
}

/// The call as a member of its room sees it.
///
/// # Errors
/// `call_not_found`, `not_member`, `unavailable`.
pub async fn view(context: &Context, actor: &Actor, id: CallId) -> Result<Call, Refusal> {
    let mut connection = context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    let call = calls::by_id(&mut connection, id)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(call_not_found)?;
    drop(connection);
    access::of_member(context, call.room_id, actor.user_id).await?;
    Ok(call)
}

/// A page of a room's calls, the latest first, those before `before` if given.
///
/// # Errors
/// `room_not_found`, `not_member`, `unavailable`.
pub async fn list(
    context: &Context,
    actor: &Actor,
    room: RoomId,
    before: Option<CallId>,
    limit: u32,
) -> Result<Vec<Call>, Refusal> {
    access::require_member(context, room, actor.user_id).await?;
    let mut connection = context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    calls::of_room(
        &mut connection,
        room,
        before,
        limit.min(limits::HISTORY_MAX),
    )
    .await
    .map_err(|error| unavailable(&error))
}

/// The refusal for a call that does not exist.
pub fn call_not_found() -> Refusal {
    Refusal::new(ErrorCode::CallNotFound, "There is no such call.")
}

/// The refusal for a call that is over.
pub fn call_ended() -> Refusal {
    Refusal::new(ErrorCode::CallEnded, "This call is over.")
}

struct Change {
    act: Act,
    sdp: Option<String>,
    reason: Option<String>,
}

async fn run(
    context: &Context,
    actor: &Actor,
    id: CallId,
    change: Change,
) -> Result<Call, Refusal> {
    let room = view(context, actor, id).await?.room_id;
    match change_locked(context, actor, (room, id), &change).await {
        Ok(Ok((call, told))) => {
            if let Err(error) = effects::publish(&context.redis, &told).await {
                tracing::warn!(%error, call = %id, "a change of a call was stored but not told");
            }
            Ok(call)
        }
        Ok(Err(refusal)) => Err(refusal),
        Err(Failure::Unavailable(error)) => Err(unavailable(error.as_ref())),
        Err(error) => {
            tracing::error!(%error, call = %id, "a call could not be changed");
            Err(Refusal::new(ErrorCode::Internal, "Something went wrong."))
        }
    }
}

async fn change_locked(
    context: &Context,
    actor: &Actor,
    (room, id): (RoomId, CallId),
    change: &Change,
) -> Result<Result<(Call, Vec<Effect>), Refusal>, Failure> {
    let mut transaction = context.pg.begin().await?;
    // The room first, as whoever numbers messages does: a call that ends writes one.
    rooms::lock(&mut *transaction, &[room]).await?;
    let Some(call) = calls::lock(&mut transaction, id).await? else {
        return Ok(Err(call_not_found()));
    };
    let step = match call_steps::step(&call, actor.user_id, change.act) {
        Ok(step) => step,
        Err(Wrong::Ended) => return Ok(Err(call_ended())),
        Err(Wrong::NotYours) => {
            let message = "This is not for you to do.";
            return Ok(Err(Refusal::new(ErrorCode::Forbidden, message)));
        }
    };
    store(&mut transaction, actor, &call, step, change).await?;
    let Some(call) = calls::by_id(&mut transaction, id).await? else {
        return Ok(Err(call_not_found()));
    };
    let mut told = told(actor, &call, step, change)?;
    if matches!(step, Step::Ends(_)) {
        let message = call_message::append(&mut transaction, &call).await?;
        call_message::log(&mut transaction, &call, &message).await?;
        told.extend(message);
    }
    transaction.commit().await?;
    Ok(Ok((call, told)))
}

async fn store(
    connection: &mut PgConnection,
    actor: &Actor,
    call: &Call,
    step: Step,
    change: &Change,
) -> Result<(), sqlx::Error> {
    let (place, user, now) = ((call.room_id, call.id), actor.user_id, Timestamp::now());
    let joined = ParticipantState::Joined;
    match step {
        Step::Begins => {
            calls::answer(&mut *connection, call.room_id, call.id, now).await?;
            calls::set_participant(connection, place, user, joined, now).await
        }
        Step::Joins => calls::set_participant(connection, place, user, joined, now).await,
        Step::Drops(state) => calls::set_participant(connection, place, user, state, now).await,
        Step::Ends(state) => {
            if change.act == Act::Refuse {
                let refused = ParticipantState::Refused;
                calls::set_participant(&mut *connection, place, user, refused, now).await?;
            }
            let reason = change.reason.as_deref();
            calls::end(connection, place, state, reason, now)
                .await
                .map(|_| ())
        }
        Step::Stays => Ok(()),
    }
}

fn told(actor: &Actor, call: &Call, step: Step, change: &Change) -> Result<Vec<Effect>, Failure> {
    if step == Step::Stays {
        return Ok(vec![]);
    }
    let (call_id, room_id, by) = (call.id, call.room_id, actor.user_id);
    let event = match change.act {
        Act::Answer => ServerEvent::CallAnswered {
            call_id,
            room_id,
            by,
            sdp: change.sdp.clone(),
            call: call.clone(),
        },
        Act::Refuse => ServerEvent::CallRefused {
            call_id,
            room_id,
            by,
            call: call.clone(),
        },
        Act::Close => ServerEvent::CallClosed {
            call_id,
            room_id,
            by,
            call: call.clone(),
        },
    };
    let mut effect = Effect::new(Target::Room(room_id), &event)?;
    effect.fanout.origin_socket.clone_from(&actor.socket_id);
    let mut effects = vec![effect];
    if change.act == Act::Answer {
        let event = ServerEvent::CallStateChanged {
            call_id,
            state: "answered_elsewhere".to_owned(),
            call: call.clone(),
        };
        let mut elsewhere = Effect::new(Target::User(by), &event)?;
        elsewhere.fanout.except_socket.clone_from(&actor.socket_id);
        effects.push(elsewhere);
    }
    Ok(effects)
}
