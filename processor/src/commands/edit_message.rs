//! `message.edit`: the sender gives a message another content, as long as the operator allows.

use chat_backends::postgres::{message_facts, messages};
use chat_core::content::sanitize::sanitize;
use chat_core::content::spam::count_links;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::MessageId;
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{Message, MessageType};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{commit, message_access};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::Failure;

/// Checks everything that can be refused.
///
/// # Errors
/// `content_too_large`, `empty_content`, `spam_detected`, `message_not_found`, `not_member`, `forbidden`, `blocked`,
/// `muted`, `edit_window_closed`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    edit: client::MessageEdit,
) -> Result<Job, Refusal> {
    let content = content(context, &edit.content)?;
    let found = message_access::of_message(context, actor, edit.message_id).await?;
    let facts = found.facts;
    if facts.sender_id != actor.user_id || facts.kind == MessageType::Call {
        return Err(Refusal::new(
            ErrorCode::Forbidden,
            "Only the sender can edit a message.",
        ));
    }
    let now = Timestamp::now();
    message_access::require_voice(&found.access, now)?;
    if let Some(window) = context.policy.edit_window
        && facts.created_at + window < now
    {
        return Err(Refusal::new(
            ErrorCode::EditWindowClosed,
            "This message is too old to be edited.",
        ));
    }
    if content.is_empty() && !has_files(context, actor, edit.message_id).await? {
        return Err(Refusal::new(
            ErrorCode::EmptyContent,
            "The message is empty.",
        ));
    }
    let act = Act::EditMessage {
        message_id: edit.message_id,
        content,
    };
    Ok(actor.job(Some(facts.room_id), act))
}

/// The same, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    edit: client::MessageEdit,
) -> Result<Message, Refusal> {
    let message_id = edit.message_id;
    let job = check(context, actor, edit).await?;
    commit::commit(context, &job).await?;
    message_access::view(context, actor.user_id, message_id).await
}

/// Stores the content and says what the members hear; nothing for a message that was deleted meanwhile.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    message_id: MessageId,
    content: &str,
) -> Result<Vec<Effect>, Failure> {
    let Some(facts) = message_facts::facts(&mut *connection, message_id).await? else {
        return Ok(vec![]);
    };
    if commit::first_time(connection, job).await? {
        messages::edit(
            &mut *connection,
            facts.room_id,
            facts.seq,
            content,
            job.created_at,
        )
        .await?;
    }
    let Some(message) = message_access::present(connection, message_id).await? else {
        return Ok(vec![]);
    };
    let event = ServerEvent::MessageEdited {
        room_id: message.room_id,
        message_id,
        seq: message.seq,
        content: message.content.clone().unwrap_or_default(),
        preview: message.preview.clone(),
        has_more: message.has_more,
        edited_at: message.edited_at,
        edit_version: message.edit_version,
        message,
    };
    Ok(vec![Effect::of_job(
        Target::Room(facts.room_id),
        &event,
        job,
    )?])
}

fn content(context: &Context, given: &str) -> Result<String, Refusal> {
    let max = context.policy.max_content_chars;
    if given.chars().nth(max).is_some() {
        let message = format!("The message is longer than {max} characters.");
        return Err(Refusal::new(ErrorCode::ContentTooLarge, message));
    }
    let clean = sanitize(given);
    if count_links(&clean) > limits::SPAM_LINKS {
        let message = format!("A message may hold at most {} links.", limits::SPAM_LINKS);
        return Err(Refusal::new(ErrorCode::SpamDetected, message));
    }
    Ok(clean)
}

/// Only a message with files may do without a text.
async fn has_files(context: &Context, actor: &Actor, message: MessageId) -> Result<bool, Refusal> {
    let message = message_access::view(context, actor.user_id, message).await?;
    Ok(!message.attachments.is_empty())
}
