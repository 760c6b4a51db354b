//! Drafts: what a user began to write in a room, the same on all their devices.

use chat_backends::postgres::drafts::{self, Draft};
use chat_core::content::sanitize::sanitize;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::RoomId;
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::access;
use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::unavailable;

/// Keeps a draft, or forgets it if it is empty, and tells the user's sockets.
///
/// # Errors
/// `content_too_large`, `room_not_found`, `not_member`, `unavailable`.
pub async fn set(
    context: &Context,
    actor: &Actor,
    room: RoomId,
    content: &str,
) -> Result<Draft, Refusal> {
    let max = context.policy.max_content_chars;
    if content.chars().nth(max).is_some() {
        let message = format!("The draft is longer than {max} characters.");
        return Err(Refusal::new(ErrorCode::ContentTooLarge, message));
    }
    access::require_member(context, room, actor.user_id).await?;
    let draft = Draft {
        room_id: room,
        content: sanitize(content),
        updated_at: Timestamp::now(),
    };
    drafts::set(&context.pg, actor.user_id, &draft)
        .await
        .map_err(|error| unavailable(&error))?;
    tell(context, actor, &draft).await;
    Ok(draft)
}

/// The draft in a room; an empty one if there is none.
///
/// # Errors
/// `room_not_found`, `not_member`, `unavailable`.
pub async fn of_room(
    context: &Context,
    actor: &Actor,
    room: RoomId,
) -> Result<Option<Draft>, Refusal> {
    access::require_member(context, room, actor.user_id).await?;
    drafts::of_room(&context.pg, room, actor.user_id)
        .await
        .map_err(|error| unavailable(&error))
}

/// All of the actor's drafts, the latest first.
///
/// # Errors
/// `unavailable`.
pub async fn list(context: &Context, actor: &Actor) -> Result<Vec<Draft>, Refusal> {
    drafts::list(&context.pg, actor.user_id)
        .await
        .map_err(|error| unavailable(&error))
}

/// A device that does not hear of it reads it when it opens the room.
async fn tell(context: &Context, actor: &Actor, draft: &Draft) {
    let event = ServerEvent::DraftUpdated {
        room_id: draft.room_id,
        content: draft.content.clone(),
        updated_at: draft.updated_at,
    };
    let told = match Effect::new(Target::User(actor.user_id), &event) {
        Ok(effect) => effects::publish(&context.redis, &[effect]).await,
        Err(error) => return tracing::error!(%error, "a draft can't be encoded"),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "a draft was not told");
    }
}
