//! `message.forward`: messages of one's rooms sent on to other rooms of one's own, each as a send of its own.

use std::collections::BTreeSet;

use chat_backends::postgres::messages;
use chat_backends::redis::rate_limit::{TokenBucket, Verdict};
use chat_backends::redis::spam;
use chat_core::content::sanitize::sanitize;
use chat_core::content::spam::count_links;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{MessageId, RoomId};
use chat_core::job::{Act, Job, SendMessage};
use chat_core::protocol::client;
use chat_core::protocol::objects::{ForwardedFrom, Message, MessageType};
use chat_core::{limits, names};
use uuid::Uuid;

use crate::actor::Actor;
use crate::commands::{access, message_access};
use crate::context::Context;
use crate::failure::unavailable;

/// One send of a forward.
#[derive(Debug)]
pub struct Forwarded {
    /// The job to publish, in the order of the list.
    pub job: Job,
    /// Where it goes.
    pub room_id: RoomId,
    /// What is forwarded; `None` for the comment.
    pub source_message_id: Option<MessageId>,
    /// The id that the send got.
    pub client_msg_id: String,
}

/// Checks everything that can be refused, of all sends before the first.
///
/// # Errors
/// `validation_failed`, `content_too_large`, `message_not_found`, `room_not_found`, `not_member`, `blocked`, `muted`,
/// `rate_limited`, `spam_detected`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    forward: client::MessageForward,
) -> Result<Vec<Forwarded>, Refusal> {
    check_with_preface(context, actor, forward, None).await
}

/// The same, with `preface` in front of the content of each message.
///
/// # Errors
/// As [`check`].
pub async fn check_with_preface(
    context: &Context,
    actor: &Actor,
    forward: client::MessageForward,
    preface: Option<&str>,
) -> Result<Vec<Forwarded>, Refusal> {
    let sources = distinct("messageIds", &forward.message_ids, limits::FORWARD_MESSAGES)?;
    let rooms = distinct("roomIds", &forward.room_ids, limits::FORWARD_ROOMS)?;
    let comment = remark_of(context, forward.comment.as_deref())?;
    let mut sent = Vec::with_capacity(sources.len());
    for id in sources {
        let mut message = source(context, actor, id).await?;
        if let Some(preface) = preface {
            let content = message.content.as_deref().unwrap_or_default();
            message.content = remark_of(context, Some(&format!("{preface}\n{content}")))?;
        }
        sent.push(message);
    }
    for room in &rooms {
        access::require_sender(context, *room, actor.user_id).await?;
    }
    let mut sends = Vec::with_capacity(rooms.len() * (sent.len() + 1));
    for room in rooms {
        sends.extend(comment.as_deref().map(|text| remark(actor, room, text)));
        sends.extend(sent.iter().map(|message| on(actor, room, message)));
    }
    for send in &sends {
        require_rate(context, actor).await?;
        require_not_spam(context, actor, send).await?;
    }
    Ok(sends)
}

/// In the order given, without repetitions.
fn distinct<T: Copy + Ord>(path: &str, ids: &[T], most: usize) -> Result<Vec<T>, Refusal> {
    if ids.is_empty() || ids.len() > most {
        let message = format!("must hold 1 to {most} ids");
        return Err(Refusal::invalid(path, "out_of_bounds", message));
    }
    let mut seen = BTreeSet::new();
    Ok(ids.iter().copied().filter(|id| seen.insert(*id)).collect())
}

fn remark_of(context: &Context, given: Option<&str>) -> Result<Option<String>, Refusal> {
    let given = given.unwrap_or_default();
    let max = context.policy.max_content_chars;
    if given.chars().nth(max).is_some() {
        let message = format!("The text is longer than {max} characters.");
        return Err(Refusal::new(ErrorCode::ContentTooLarge, message));
    }
    let clean = sanitize(given);
    if count_links(&clean) > limits::SPAM_LINKS {
        let message = format!("A message may hold at most {} links.", limits::SPAM_LINKS);
        return Err(Refusal::new(ErrorCode::SpamDetected, message));
    }
    Ok(Some(clean).filter(|text| !text.is_empty()))
}

async fn source(context: &Context, actor: &Actor, id: MessageId) -> Result<Message, Refusal> {
    let found = message_access::of_message(context, actor, id).await?;
    let place = (found.facts.room_id, found.facts.seq);
    let mut connection = context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    messages::load(&mut connection, Some(actor.user_id), &[place], true)
        .await
        .map_err(|error| unavailable(&error))?
        .pop()
        // What somebody deleted for themselves is gone for them.
        .filter(|message| message.deleted_at.is_none() && message.kind != MessageType::Call)
        .ok_or_else(message_access::message_not_found)
}

fn on(actor: &Actor, room: RoomId, message: &Message) -> Forwarded {
    let origin = ForwardedFrom {
        message_id: message.id,
        room_id: message.room_id,
        sender_id: message.sender_id,
    };
    let send = SendMessage {
        message_id: MessageId::now_v7(),
        client_msg_id: Uuid::new_v4().to_string(),
        kind: message.kind,
        content: message.content.clone().unwrap_or_default(),
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments: message.attachments.iter().map(|file| file.id).collect(),
        forwarded_from: Some(origin),
    };
    forwarded(actor, room, Some(message.id), send)
}

fn remark(actor: &Actor, room: RoomId, text: &str) -> Forwarded {
    let send = SendMessage {
        message_id: MessageId::now_v7(),
        client_msg_id: Uuid::new_v4().to_string(),
        kind: MessageType::Text,
        content: text.to_owned(),
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments: vec![],
        forwarded_from: None,
    };
    forwarded(actor, room, None, send)
}

fn forwarded(
    actor: &Actor,
    room_id: RoomId,
    source_message_id: Option<MessageId>,
    send: SendMessage,
) -> Forwarded {
    Forwarded {
        client_msg_id: send.client_msg_id.clone(),
        job: actor.job(Some(room_id), Act::SendMessage(send)),
        room_id,
        source_message_id,
    }
}

/// Each send of a forward takes one message out of the sender's bucket, as any other does.
async fn require_rate(context: &Context, actor: &Actor) -> Result<(), Refusal> {
    let bucket = TokenBucket {
        burst: context.policy.message_burst,
        per_second: context.policy.message_rate,
    };
    let key = names::throttle(&actor.user_id.to_string(), "message");
    match bucket.take(&context.redis, &key).await {
        Ok(Verdict::Limited { retry_after }) => Err(Refusal::new(
            ErrorCode::RateLimited,
            "You are sending too fast. Please wait a moment.",
        )
        .retry_after(retry_after)),
        Ok(Verdict::Allowed) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the rate limiter did not answer; the forward is let through");
            Ok(())
        }
    }
}

async fn require_not_spam(
    context: &Context,
    actor: &Actor,
    send: &Forwarded,
) -> Result<(), Refusal> {
    let content = match &send.job.act {
        Act::SendMessage(send) if !send.content.is_empty() => send.content.as_str(),
        _ => return Ok(()),
    };
    let (sender, room, id) = (actor.user_id, send.room_id, &send.client_msg_id);
    let repeated = spam::is_repeated_too_often(&context.redis, sender, room, id, content).await;
    match repeated {
        Ok(true) => Err(Refusal::new(
            ErrorCode::SpamDetected,
            "You sent the same message too often. Please wait a moment.",
        )),
        Ok(false) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the spam guard did not answer; the forward is let through");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_names_each_message_once_and_not_too_many() {
        let (one, other) = (RoomId::now_v7(), RoomId::now_v7());
        let rooms = distinct("roomIds", &[other, one, other], 10).unwrap();
        assert_eq!(rooms, [other, one]);
        assert!(distinct::<RoomId>("roomIds", &[], 10).is_err());
        assert!(distinct("roomIds", &[one; 11], 10).is_err());
    }
}
