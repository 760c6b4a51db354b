//! The message that a call leaves in its room when it is over: one, with a number of its own.

use chat_backends::postgres::calls;
use chat_backends::postgres::messages::{self, Appended, NewMessage};
use chat_core::ids::{JobId, MessageId};
use chat_core::job::SendMessage;
use chat_core::protocol::objects::{Call, CallMedia, CallState, CallSummary, MessageType};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::effects::{Effect, Target};
use crate::failure::Failure;
use crate::{domain_events, outbox};

/// Stores the message of a call that is over and says what the members hear. Storing it again changes nothing: the
/// call's id stands in for the job's.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn append(connection: &mut PgConnection, call: &Call) -> Result<Vec<Effect>, Failure> {
    let summary = CallSummary {
        call_id: call.id,
        media: media(call.media).to_owned(),
        state: state(call.state).to_owned(),
        duration_ms: call.duration_ms,
    };
    let new = NewMessage {
        job_id: JobId::from(call.id.uuid()),
        room_id: call.room_id,
        sender_id: call.caller_id,
        created_at: call.ended_at.unwrap_or_else(Timestamp::now),
        send: SendMessage {
            message_id: MessageId::now_v7(),
            client_msg_id: call.id.to_string(),
            kind: MessageType::Call,
            content: String::new(),
            reply_to: None,
            thread_id: None,
            mentions: vec![],
            attachments: vec![],
            forwarded_from: None,
        },
        call: Some(summary),
    };
    let appended = messages::append_batch(connection, &[new]).await?;
    let mut effects = Vec::new();
    for outcome in appended {
        // Whoever called and left the room since leaves no message.
        if let Appended::Inserted(message) | Appended::Repeat(message, _) = outcome {
            let place = (message.room_id, message.seq);
            let event = ServerEvent::MessageDelivered(*message);
            let mut effect = Effect::new(Target::Room(call.room_id), &event)?;
            effect.stored = Some(place);
            effects.push(effect);
        }
    }
    Ok(effects)
}

/// Ends calls that nobody else is at, each with its message; what the members hear of it.
///
/// # Errors
/// [`Failure`] of the database.
pub(crate) async fn end_all(
    connection: &mut PgConnection,
    ending: &[Call],
    state: CallState,
    now: Timestamp,
) -> Result<Vec<Effect>, Failure> {
    let mut told = Vec::new();
    for call in ending {
        calls::end(&mut *connection, (call.room_id, call.id), state, None, now).await?;
        let Some(call) = calls::by_id(connection, call.id).await? else {
            continue;
        };
        let room = call.room_id;
        let message = append(connection, &call).await?;
        log(connection, &call, &message).await?;
        let event = ServerEvent::CallStateChanged {
            call_id: call.id,
            state: self::state(state).to_owned(),
            call,
        };
        told.push(Effect::new(Target::Room(room), &event)?);
        told.extend(message);
    }
    Ok(told)
}

/// Puts the message's entries for the event log into the outbox, for a call that ended without a job.
///
/// # Errors
/// [`Failure`] of the database.
pub(crate) async fn log(
    connection: &mut PgConnection,
    call: &Call,
    message: &[Effect],
) -> Result<(), Failure> {
    let id = JobId::from(call.id.uuid());
    let events = domain_events::of_act(id, call.room_id.uuid(), message, Timestamp::now());
    outbox::put(connection, &events).await?;
    Ok(())
}

/// The name of a state on the wire.
pub const fn state(state: CallState) -> &'static str {
    match state {
        CallState::Ringing => "ringing",
        CallState::Ongoing => "ongoing",
        CallState::Ended => "ended",
        CallState::Refused => "refused",
        CallState::Missed => "missed",
        CallState::Cancelled => "cancelled",
        CallState::Unavailable => "unavailable",
    }
}

const fn media(media: CallMedia) -> &'static str {
    match media {
        CallMedia::Audio => "audio",
        CallMedia::Video => "video",
    }
}
