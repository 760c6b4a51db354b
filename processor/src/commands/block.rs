//! `block.add`, `block.remove`: a block ends the friendship, and holds both ways until it is taken back.

use chat_backends::postgres::{blocks, users};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::UserId;
use chat_core::job::{Act, Job};
use chat_core::protocol::client;
use chat_core::protocol::server::ServerEvent;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::commit;
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// Checks everything that can be refused of a block, or of its end.
///
/// # Errors
/// `validation_failed`, `user_not_found`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    block: client::BlockUser,
    blocked: bool,
) -> Result<Job, Refusal> {
    let user_id = block.user_id;
    if user_id == actor.user_id {
        let message = "is your own account";
        return Err(Refusal::invalid("userId", "not_allowed", message));
    }
    let known = users::existing(&context.pg, &[user_id])
        .await
        .map_err(|error| unavailable(&error))?;
    if known.is_empty() {
        let message = "There is no such user.";
        return Err(Refusal::new(ErrorCode::UserNotFound, message));
    }
    let act = if blocked {
        Act::Block { user_id }
    } else {
        Act::Unblock { user_id }
    };
    Ok(actor.job(None, act))
}

/// The same, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    block: client::BlockUser,
    blocked: bool,
) -> Result<(), Refusal> {
    let job = check(context, actor, block, blocked).await?;
    commit::commit(context, &job).await
}

/// Blocks or unblocks; the own sockets hear of it, the other one's never.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    user_id: UserId,
    blocked: bool,
) -> Result<Vec<Effect>, Failure> {
    if commit::first_time(connection, job).await? {
        if blocked {
            blocks::add(connection, job.user_id, user_id, job.created_at).await?;
        } else {
            blocks::remove(connection, job.user_id, user_id).await?;
        }
    }
    let event = ServerEvent::BlockChanged { user_id, blocked };
    Ok(vec![Effect::of_job(
        Target::User(job.user_id),
        &event,
        job,
    )?])
}
