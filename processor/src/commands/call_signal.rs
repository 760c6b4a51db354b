//! `call.signal`: what the participants' browsers tell each other, passed on as it came.

use chat_core::error::{ErrorCode, Refusal};
use chat_core::fanout::Fanout;
use chat_core::ids::{CallId, UserId};
use chat_core::limits;
use chat_core::protocol::client::{self, SignalKind};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::actor::Actor;
use crate::commands::call;
use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::unavailable;

/// The payload of the event; its `data` is never parsed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signal<'a> {
    call_id: CallId,
    from_user_id: UserId,
    kind: SignalKind,
    data: &'a RawValue,
}

/// Passes a signal on to one participant, or to all others.
///
/// # Errors
/// `validation_failed`, `call_not_found`, `not_member`, `forbidden`, `call_ended`, `user_not_found`, `unavailable`.
pub async fn run(
    context: &Context,
    actor: &Actor,
    signal: client::CallSignal,
) -> Result<(), Refusal> {
    if signal.data.get().len() > limits::SIGNAL_BYTES {
        let message = format!("must be at most {} bytes", limits::SIGNAL_BYTES);
        return Err(Refusal::invalid("data", "too_long", message));
    }
    let call = call::view(context, actor, signal.call_id).await?;
    if !call.state.is_live() {
        return Err(call::call_ended());
    }
    let takes_part = |user: UserId| call.participants.iter().any(|it| it.user_id == user);
    if !takes_part(actor.user_id) {
        let message = "You do not take part in this call.";
        return Err(Refusal::new(ErrorCode::Forbidden, message));
    }
    let addressed: Vec<UserId> = match signal.to_user_id {
        Some(user) if takes_part(user) => vec![user],
        Some(_) => {
            let message = "This user does not take part in the call.";
            return Err(Refusal::new(ErrorCode::UserNotFound, message));
        }
        None => call
            .participants
            .iter()
            .map(|participant| participant.user_id)
            .filter(|user| *user != actor.user_id)
            .collect(),
    };
    let fanout = encode(actor, &signal)?;
    let effects: Vec<Effect> = addressed
        .into_iter()
        .map(|user| Effect {
            target: Target::User(user),
            fanout: fanout.clone(),
            stored: None,
        })
        .collect();
    effects::publish(&context.redis, &effects)
        .await
        .map_err(|error| unavailable(&error))
}

fn encode(actor: &Actor, signal: &client::CallSignal) -> Result<Fanout, Refusal> {
    let payload = Signal {
        call_id: signal.call_id,
        from_user_id: actor.user_id,
        kind: signal.kind,
        data: &signal.data,
    };
    let data = serde_json::value::to_raw_value(&payload).map_err(|error| {
        tracing::error!(%error, "a signal could not be encoded");
        Refusal::new(ErrorCode::Internal, "Something went wrong.")
    })?;
    Ok(Fanout {
        event: "call.signal".to_owned(),
        data,
        only_socket: None,
        except_socket: None,
        except_user: None,
        origin_socket: actor.socket_id.clone(),
        since_ms: None,
        traceparent: None,
    })
}
