//! Doing a batch of jobs in one transaction.

use chat_core::job::{Act, Job, SendMessage};
use sqlx::PgConnection;

use crate::commands::friend::{self, Answer};
use crate::commands::{
    announce_room, block, change_role, delete_message, delete_room, edit_message, initiate_call,
    invite, join_room, leave_room, pin_message, react, send_message, set_presence, story, typing,
    update_room,
};
use crate::context::Context;
use crate::effects::Effect;
use crate::failure::Failure;

/// Does `jobs` in their order inside the caller's transaction; returns each job's effects, to be published after the commit.
///
/// Neighbouring sends share their statements, which is where the throughput comes from.
///
/// # Errors
/// [`Failure`] of the first job that can't be done; the caller rolls back.
pub async fn execute(
    context: &Context,
    connection: &mut PgConnection,
    jobs: &[&Job],
) -> Result<Vec<Vec<Effect>>, Failure> {
    let mut effects = Vec::with_capacity(jobs.len());
    let mut rest = jobs;
    while let Some((first, others)) = rest.split_first() {
        let sends: Vec<(&Job, &SendMessage)> = rest.iter().map_while(|job| as_send(job)).collect();
        if sends.is_empty() {
            effects.push(execute_one(context, connection, first).await?);
            rest = others;
        } else {
            rest = &rest[sends.len()..];
            effects.extend(send_message::apply(connection, &sends).await?);
        }
    }
    Ok(effects)
}

/// Does a job of the low queue, which has no transaction: typing and presence are not stored in Postgres.
///
/// # Errors
/// [`Failure`] if the job can't be done, or does not belong on the low queue.
pub async fn execute_transient(context: &Context, job: &Job) -> Result<Vec<Effect>, Failure> {
    match &job.act {
        Act::Typing { is_typing } => typing::apply(job, *is_typing),
        Act::SetPresence {
            status,
            activity,
            chosen,
        } => set_presence::apply(context, job, *status, activity.as_deref(), *chosen).await,
        _ => Err(Failure::Reject(
            "a lasting act on the queue of transient ones".to_owned(),
        )),
    }
}

/// What a dead-lettered job's sender hears.
///
/// # Errors
/// [`Failure::Job`] if the event can't be encoded.
pub fn failed(job: &Job) -> Result<Vec<Effect>, Failure> {
    match &job.act {
        Act::SendMessage(send) => send_message::failed(job, send),
        _ => Ok(vec![]),
    }
}

async fn execute_one(
    context: &Context,
    connection: &mut PgConnection,
    job: &Job,
) -> Result<Vec<Effect>, Failure> {
    match &job.act {
        Act::SendMessage(send) => Ok(send_message::apply(connection, &[(job, send)])
            .await?
            .into_iter()
            .flatten()
            .collect()),
        Act::EditMessage {
            message_id,
            content,
        } => edit_message::apply(connection, job, *message_id, content).await,
        Act::DeleteMessage { message_id, scope } => {
            delete_message::apply(connection, job, *message_id, *scope).await
        }
        Act::PinMessage { message_id } => pin_message::apply(connection, job, *message_id).await,
        Act::UnpinMessage { message_id } => {
            pin_message::apply_unpin(connection, job, *message_id).await
        }
        Act::React {
            message_id,
            emoji,
            remove,
        } => react::apply(connection, job, *message_id, emoji, *remove).await,
        Act::AnnounceRoom {} => announce_room::apply(connection, job).await,
        Act::Typing { .. } | Act::SetPresence { .. } => execute_transient(context, job).await,
        Act::LeaveRoom {} => leave_room::apply(connection, job).await,
        Act::KickMember { user_id, banned } => {
            leave_room::apply_kick(connection, job, *user_id, *banned).await
        }
        Act::ChangeRole { user_id, role } => {
            change_role::apply(connection, job, *user_id, *role).await
        }
        Act::UpdateRoom(change) => update_room::apply(connection, job, change).await,
        Act::DeleteRoom {} => delete_room::apply(connection, job).await,
        Act::InviteMembers { invites, direct } => {
            invite::apply(connection, job, invites, *direct).await
        }
        Act::DeclineInvite { invite_id } => {
            invite::apply_decline(connection, job, *invite_id).await
        }
        Act::JoinRoom {
            invite_id,
            request_id,
        } => join_room::apply(connection, job, *invite_id, *request_id).await,
        Act::RequestFriend {
            request_id,
            user_id,
        } => friend::apply(connection, job, *request_id, *user_id).await,
        Act::AcceptFriend { request_id } => {
            friend::apply_answer(connection, job, *request_id, Answer::Accept).await
        }
        Act::RefuseFriend { request_id } => {
            friend::apply_answer(connection, job, *request_id, Answer::Refuse).await
        }
        Act::CancelFriend { request_id } => {
            friend::apply_answer(connection, job, *request_id, Answer::Cancel).await
        }
        Act::RemoveFriend { user_id } => friend::apply_remove(connection, job, *user_id).await,
        Act::Block { user_id } => block::apply(connection, job, *user_id, true).await,
        Act::Unblock { user_id } => block::apply(connection, job, *user_id, false).await,
        Act::InitiateCall {
            call_id,
            media,
            sdp,
        } => {
            let call = (*call_id, *media);
            initiate_call::apply(context, connection, job, call, sdp.as_deref()).await
        }
        Act::ViewStory { story_id } => story::apply_view(connection, job, *story_id).await,
    }
}

const fn as_send<'job>(job: &&'job Job) -> Option<(&'job Job, &'job SendMessage)> {
    match &job.act {
        Act::SendMessage(send) => Some((*job, send)),
        _ => None,
    }
}
