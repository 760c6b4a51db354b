//! `message.delete`: for the actor alone, or for all.

use chat_backends::postgres::{message_facts, messages, users};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::MessageId;
use chat_core::job::{Act, Job};
use chat_core::protocol::client::{self, DeleteScope};
use chat_core::protocol::objects::{MemberRole, RoomType, UserRole};
use chat_core::protocol::server::ServerEvent;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::message_access::{self, Found};
use crate::commands::{access, commit};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// Checks everything that can be refused.
///
/// # Errors
/// `message_not_found`, `not_member`, `forbidden`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    delete: client::MessageDelete,
) -> Result<Job, Refusal> {
    let found = match message_access::of_message(context, actor, delete.message_id).await {
        // Administrators need not be members of the room that they clean up.
        Err(refusal)
            if refusal.code == ErrorCode::NotMember && delete.scope == DeleteScope::All =>
        {
            return by_admin(context, actor, delete.message_id)
                .await?
                .ok_or(refusal);
        }
        found => found?,
    };
    if delete.scope == DeleteScope::All
        && !may_delete_for_all(actor, &found)
        && !is_admin(context, actor).await?
    {
        return Err(Refusal::new(
            ErrorCode::Forbidden,
            "Only the sender, the room's owner and its admins can delete a message for all.",
        ));
    }
    let act = Act::DeleteMessage {
        message_id: delete.message_id,
        scope: delete.scope,
    };
    Ok(actor.job(Some(found.facts.room_id), act))
}

/// The same, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    delete: client::MessageDelete,
) -> Result<(), Refusal> {
    let job = check(context, actor, delete).await?;
    commit::commit(context, &job).await
}

/// Buries or hides the message and says who hears of it.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    message_id: MessageId,
    scope: DeleteScope,
) -> Result<Vec<Effect>, Failure> {
    let Some(facts) = message_facts::facts(&mut *connection, message_id).await? else {
        return Ok(vec![]);
    };
    if commit::first_time(connection, job).await? {
        let (room, seq, by, at) = (facts.room_id, facts.seq, job.user_id, job.created_at);
        match scope {
            DeleteScope::All => {
                messages::delete_for_all(&mut *connection, room, seq, by, at).await?;
            }
            DeleteScope::Me => messages::hide(&mut *connection, room, by, seq, at).await?,
        }
    }
    let target = match scope {
        DeleteScope::All => Target::Room(facts.room_id),
        DeleteScope::Me => Target::User(job.user_id),
    };
    let event = ServerEvent::MessageDeleted {
        room_id: facts.room_id,
        message_id,
        seq: facts.seq,
        scope,
        deleted_by: job.user_id,
        deleted_at: job.created_at,
    };
    Ok(vec![Effect::of_job(target, &event, job)?])
}

fn may_delete_for_all(actor: &Actor, found: &Found) -> bool {
    let moderates = found.access.kind == RoomType::Group
        && found
            .access
            .role
            .is_some_and(|role| role >= MemberRole::Admin);
    found.facts.sender_id == actor.user_id || moderates
}

async fn by_admin(
    context: &Context,
    actor: &Actor,
    message_id: MessageId,
) -> Result<Option<Job>, Refusal> {
    if !is_admin(context, actor).await? {
        return Ok(None);
    }
    let facts = message_facts::facts(&context.pg, message_id)
        .await
        .map_err(|error| unavailable(&error))?
        .filter(|facts| !facts.is_deleted)
        .ok_or_else(message_access::message_not_found)?;
    let act = Act::DeleteMessage {
        message_id,
        scope: DeleteScope::All,
    };
    Ok(Some(actor.job(Some(facts.room_id), act)))
}

async fn is_admin(context: &Context, actor: &Actor) -> Result<bool, Refusal> {
    let user = users::by_id(&context.pg, actor.user_id)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(access::not_member)?;
    Ok(user.role == UserRole::Admin)
}
