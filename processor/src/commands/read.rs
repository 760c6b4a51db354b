//! `message.read`: a member's read position, which only ever moves forward.

use chat_backends::postgres::messages;
use chat_backends::postgres::receipts::{self, Moved, ReadPosition, StatusChange};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{JobId, MessageId, RoomId};
use chat_core::protocol::objects::MessageStatus;
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::access;
use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::{Failure, unavailable};
use crate::{domain_events, outbox};

/// Most messages whose senders are told of one read: the latest; earlier ones show it in the history.
const STATUS_CHANGES: u32 = 200;

/// The position as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The room.
    pub room_id: RoomId,
    /// Everything up to here is read.
    pub last_read_seq: i64,
    /// Messages of others beyond it.
    pub unread: i64,
}

/// What is read: everything up to a number, or up to a message.
#[derive(Debug, Clone, Copy)]
pub enum UpTo {
    /// Up to this number.
    Seq(RoomId, i64),
    /// Up to this message.
    Message(MessageId),
}

/// Moves the position forward and tells the other members and the senders concerned.
///
/// # Errors
/// `validation_failed`, `message_not_found`, `room_not_found`, `not_member`, `unavailable`.
pub async fn run(context: &Context, actor: &Actor, up_to: UpTo) -> Result<Position, Refusal> {
    let (room_id, seq) = match up_to {
        UpTo::Seq(_, seq) if seq < 0 => {
            return Err(Refusal::invalid("seq", "too_small", "must be 0 or more"));
        }
        UpTo::Seq(room_id, seq) => (room_id, seq),
        UpTo::Message(id) => messages::locate(&context.pg, id)
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(|| Refusal::new(ErrorCode::MessageNotFound, "There is no such message."))?,
    };
    access::require_member(context, room_id, actor.user_id).await?;
    let position =
        receipts::advance_read(&context.pg, room_id, actor.user_id, seq, Timestamp::now())
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(access::not_member)?;
    if position.last_read_seq > position.before {
        tell(context, actor, room_id, &position).await;
    }
    Ok(Position {
        room_id,
        last_read_seq: position.last_read_seq,
        unread: position.unread,
    })
}

/// The position is stored; a receipt that gets lost on its way is seen at the next look at the room.
async fn tell(context: &Context, actor: &Actor, room_id: RoomId, position: &ReadPosition) {
    let moved = Moved {
        room_id,
        user_id: actor.user_id,
        before: position.before,
        after: position.last_read_seq,
    };
    let changes = receipts::status_changes(&context.pg, MessageStatus::Read, moved, STATUS_CHANGES)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "the senders were not told that their messages are read");
            vec![]
        });
    match effects_of(actor, position, moved, &changes) {
        Ok(told) => {
            log(context, moved.room_id, &told).await;
            if let Err(error) = effects::publish(&context.redis, &told).await {
                tracing::warn!(%error, "a read position was stored but not told");
            }
        }
        Err(error) => tracing::error!(%error, "a read position can't be encoded"),
    }
}

/// What the log keeps of it is stored after the position, which is the truth: it counts readings, and may miss one.
async fn log(context: &Context, room: RoomId, told: &[Effect]) {
    let events = domain_events::of_act(JobId::now_v7(), room.uuid(), told, Timestamp::now());
    let put = async {
        let mut connection = context.pg.acquire().await?;
        outbox::put(&mut connection, &events).await
    };
    if let Err(error) = put.await {
        tracing::warn!(%error, "a read position was stored but not logged");
    }
}

fn effects_of(
    actor: &Actor,
    position: &ReadPosition,
    moved: Moved,
    changes: &[StatusChange],
) -> Result<Vec<Effect>, Failure> {
    let at = Timestamp::now();
    let event = ServerEvent::MessageRead {
        room_id: moved.room_id,
        user_id: actor.user_id,
        seq: moved.after,
        message_id: position.message_id,
        read_at: at,
    };
    let mut read = Effect::new(Target::Room(moved.room_id), &event)?;
    read.fanout.except_socket.clone_from(&actor.socket_id);
    let mut effects = vec![read];
    for change in changes {
        let event = ServerEvent::MessageStatus {
            room_id: moved.room_id,
            message_id: change.message_id,
            seq: change.seq,
            status: MessageStatus::Read,
            user_id: actor.user_id,
            at,
        };
        effects.push(Effect::new(Target::User(change.sender_id), &event)?);
    }
    Ok(effects)
}
