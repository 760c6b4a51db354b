//! `room.mute`: a member's own notifications.

use chat_backends::postgres::members;
use chat_core::error::Refusal;
use chat_core::protocol::client;
use chat_core::protocol::objects::Room;
use chat_core::protocol::server::ServerEvent;

use crate::actor::Actor;
use crate::commands::{access, update_room};
use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::unavailable;

/// Sets until when the actor wants no notifications, and tells their sockets.
///
/// # Errors
/// `room_not_found`, `not_member`, `unavailable`.
pub async fn run(
    context: &Context,
    actor: &Actor,
    mute: client::RoomMute,
) -> Result<Room, Refusal> {
    access::of_member(context, mute.room_id, actor.user_id).await?;
    members::mute(&context.pg, mute.room_id, actor.user_id, mute.until)
        .await
        .map_err(|error| unavailable(&error))?;
    let room = update_room::view(context, mute.room_id, actor.user_id).await?;
    let event = ServerEvent::RoomUpdated { room: room.clone() };
    match Effect::new(Target::User(actor.user_id), &event) {
        Ok(effect) => {
            if let Err(error) = effects::publish(&context.redis, &[effect]).await {
                tracing::warn!(%error, "a mute was stored but not told");
            }
        }
        Err(error) => tracing::error!(%error, "a mute can't be encoded"),
    }
    Ok(room)
}
