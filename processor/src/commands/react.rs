//! `message.react`: one reaction per user and emoji, added or taken away; repeating either changes nothing.

use chat_backends::postgres::{message_facts, reactions};
use chat_core::error::Refusal;
use chat_core::ids::MessageId;
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::Message;
use chat_core::protocol::server::{ReactionAction, ServerEvent};
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{commit, message_access, text};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::Failure;

/// Checks everything that can be refused.
///
/// # Errors
/// `validation_failed`, `message_not_found`, `not_member`, `blocked`, `muted`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    react: client::MessageReact,
) -> Result<Job, Refusal> {
    let emoji = text::bounded("emoji", &react.emoji, 1..=limits::EMOJI_CHARS)?;
    let found = message_access::of_message(context, actor, react.message_id).await?;
    message_access::require_voice(&found.access, Timestamp::now())?;
    if !react.remove {
        require_space(context, actor, react.message_id, &emoji).await?;
    }
    let act = Act::React {
        message_id: react.message_id,
        emoji,
        remove: react.remove,
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
    react: client::MessageReact,
) -> Result<Message, Refusal> {
    let message_id = react.message_id;
    let job = check(context, actor, react).await?;
    commit::commit(context, &job).await?;
    message_access::view(context, actor.user_id, message_id).await
}

/// A message shows at most [`limits::REACTION_EMOJIS`] different emojis.
async fn require_space(
    context: &Context,
    actor: &Actor,
    message: MessageId,
    emoji: &str,
) -> Result<(), Refusal> {
    let shown = message_access::view(context, actor.user_id, message)
        .await?
        .reactions;
    let is_new = shown.iter().all(|reaction| reaction.emoji != emoji);
    if is_new && shown.len() >= limits::REACTION_EMOJIS {
        let message = format!(
            "a message has at most {} different ones",
            limits::REACTION_EMOJIS
        );
        return Err(Refusal::invalid("emoji", "too_many", message));
    }
    Ok(())
}

/// Changes the reactions and says what the members hear.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    message_id: MessageId,
    emoji: &str,
    remove: bool,
) -> Result<Vec<Effect>, Failure> {
    let Some(facts) = message_facts::facts(&mut *connection, message_id).await? else {
        return Ok(vec![]);
    };
    let (room, seq, user) = (facts.room_id, facts.seq, job.user_id);
    if commit::first_time(connection, job).await? {
        let place = (room, seq);
        reactions::set(
            &mut *connection,
            place,
            user,
            emoji,
            !remove,
            job.created_at,
        )
        .await?;
    }
    let Some(message) = message_access::present(connection, message_id).await? else {
        return Ok(vec![]);
    };
    let event = ServerEvent::MessageReaction {
        room_id: room,
        message_id,
        user_id: user,
        emoji: emoji.to_owned(),
        action: if remove {
            ReactionAction::Removed
        } else {
            ReactionAction::Added
        },
        reactions: message.reactions,
    };
    Ok(vec![Effect::of_job(Target::Room(room), &event, job)?])
}
