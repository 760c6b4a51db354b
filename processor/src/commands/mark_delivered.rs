//! A member's client says that it has got messages that no gateway saw it get: the senders hear of it.

use chat_backends::postgres::messages;
use chat_backends::postgres::receipts::{self, Moved};
use chat_core::error::Refusal;
use chat_core::ids::{MessageId, RoomId};
use chat_core::protocol::objects::MessageStatus;
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::{access, message_access};
use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::{Failure, unavailable};

/// Most messages whose senders are told at once: the latest; earlier ones show it in the history.
const STATUS_CHANGES: u32 = 200;

/// What was delivered.
#[derive(Debug, Clone, Copy)]
pub enum UpTo {
    /// Everything in a room.
    Head(RoomId),
    /// Everything up to a message.
    Message(MessageId),
}

/// Moves the delivered position forward and tells the senders concerned.
///
/// # Errors
/// `message_not_found`, `room_not_found`, `not_member`, `unavailable`.
pub async fn run(context: &Context, actor: &Actor, up_to: UpTo) -> Result<(), Refusal> {
    let (room, seq) = match up_to {
        UpTo::Head(room) => (room, i64::MAX),
        UpTo::Message(id) => messages::locate(&context.pg, id)
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(message_access::message_not_found)?,
    };
    access::require_member(context, room, actor.user_id).await?;
    let moved = receipts::advance_delivered(&context.pg, &[(room, actor.user_id, seq)])
        .await
        .map_err(|error| unavailable(&error))?;
    for moved in moved {
        tell(context, moved).await;
    }
    Ok(())
}

/// The position is stored; a receipt that gets lost on its way is seen at the next look at the room.
async fn tell(context: &Context, moved: Moved) {
    let status = MessageStatus::Delivered;
    let changes = receipts::status_changes(&context.pg, status, moved, STATUS_CHANGES).await;
    let at = Timestamp::now();
    let told: Result<Vec<Effect>, Failure> = changes
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "the senders were not told that their messages arrived");
            vec![]
        })
        .into_iter()
        .map(|change| {
            let event = ServerEvent::MessageStatus {
                room_id: moved.room_id,
                message_id: change.message_id,
                seq: change.seq,
                status,
                user_id: moved.user_id,
                at,
            };
            Effect::new(Target::User(change.sender_id), &event)
        })
        .collect();
    match told {
        Ok(told) => {
            if let Err(error) = effects::publish(&context.redis, &told).await {
                tracing::warn!(%error, "a delivered position was stored but not told");
            }
        }
        Err(error) => tracing::error!(%error, "a delivered position can't be encoded"),
    }
}
