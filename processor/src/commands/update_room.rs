//! `room.update`: what a group shows of itself.

use chat_backends::postgres::members;
use chat_backends::postgres::rooms::{self, RoomPatch};
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client::{self, RoomChange};
use chat_core::protocol::objects::Room;
use chat_core::protocol::server::ServerEvent;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{access, commit, membership, roles, text};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// Checks everything that can be refused.
///
/// # Errors
/// `validation_failed`, `room_not_found`, `not_member`, `not_a_group`, `forbidden`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    update: client::RoomUpdate,
) -> Result<Job, Refusal> {
    let change = clean(&update.change)?;
    let access = access::of_member(context, update.room_id, actor.user_id).await?;
    membership::require_group(&access)?;
    if !access.role.is_some_and(roles::may_manage) {
        let message = "Only the owner and admins can change the room.";
        return Err(membership::forbidden(message));
    }
    Ok(actor.job(Some(update.room_id), Act::UpdateRoom(change)))
}

/// The same, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    update: client::RoomUpdate,
) -> Result<Room, Refusal> {
    let room = update.room_id;
    let job = check(context, actor, update).await?;
    commit::commit(context, &job).await?;
    view(context, room, actor.user_id).await
}

/// The room as a member sees it.
///
/// # Errors
/// `room_not_found`, `unavailable`.
pub async fn view(context: &Context, room: RoomId, viewer: UserId) -> Result<Room, Refusal> {
    let mut connection = context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    rooms::view(&mut connection, room, viewer)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(access::room_not_found)
}

/// Changes the room and tells each member, who sees it from their own side.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    change: &RoomChange,
) -> Result<Vec<Effect>, Failure> {
    let room_id = commit::room_of(job)?;
    if commit::first_time(connection, job).await? {
        let patch = RoomPatch {
            title: change.title.clone(),
            description: change.description.clone(),
            avatar_url: change.avatar_url.clone(),
            join_policy: change.join_policy,
            slow_mode_secs: change.slow_mode_seconds,
        };
        rooms::update(&mut *connection, room_id, &patch, job.created_at).await?;
    }
    let mut effects = Vec::new();
    for member in members::ids(&mut *connection, room_id).await? {
        if let Some(room) = rooms::view(connection, room_id, member).await? {
            let event = ServerEvent::RoomUpdated { room };
            effects.push(Effect::of_job(Target::User(member), &event, job)?);
        }
    }
    Ok(effects)
}

fn clean(change: &RoomChange) -> Result<RoomChange, Refusal> {
    let avatar_url = change.avatar_url.clone();
    if avatar_url
        .as_ref()
        .is_some_and(|url| url.len() > limits::URL_BYTES)
    {
        let message = format!("must be at most {} bytes", limits::URL_BYTES);
        return Err(Refusal::invalid("avatarUrl", "too_long", message));
    }
    if *change == RoomChange::default() {
        let message = "give title, description, avatarUrl, joinPolicy or slowModeSeconds";
        return Err(Refusal::invalid("payload", "missing", message));
    }
    if change
        .slow_mode_seconds
        .is_some_and(|seconds| seconds > limits::SLOW_MODE_SECONDS)
    {
        let message = format!("must be at most {}", limits::SLOW_MODE_SECONDS);
        return Err(Refusal::invalid("slowModeSeconds", "too_large", message));
    }
    Ok(RoomChange {
        title: text::optional("title", change.title.as_deref(), 1..=limits::NAME_CHARS)?,
        description: text::optional(
            "description",
            change.description.as_deref(),
            0..=limits::DESCRIPTION_CHARS,
        )?,
        avatar_url,
        join_policy: change.join_policy,
        slow_mode_seconds: change.slow_mode_seconds,
    })
}
