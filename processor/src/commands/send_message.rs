//! `message.send`: store a message once, give it the room's next number, tell the members.

use std::collections::BTreeSet;

use chat_backends::postgres::jobs;
use chat_backends::postgres::members;
use chat_backends::postgres::messages::{self, Appended, NewMessage, Unappendable};
use chat_core::content::sanitize::sanitize;
use chat_core::content::spam::count_links;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{JobId, MessageId, RoomId, UserId};
use chat_core::job::{Act, Job, SendMessage};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{self, Message, MessageType};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::actor::Actor;
use crate::commands::admission;
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::Failure;

/// A send that passed every check.
#[derive(Debug)]
pub struct Checked {
    /// The job to publish.
    pub job: Job,
    /// The client's id of the send, given or generated.
    pub client_msg_id: String,
    /// The job of the first send under this client message id: this job, unless the send is a repeat.
    pub first_job: JobId,
}

/// Checks everything that can be refused.
///
/// A repeat (same sender, room and client message id) passes the spam guard uncounted and is published too: the worker
/// answers it from the stored message, and a first try that never reached the broker is made good.
///
/// # Errors
/// The refusals of the wire contract, §2.3; `unavailable` while a store is away.
pub async fn check(
    context: &Context,
    actor: &Actor,
    send: client::MessageSend,
) -> Result<Checked, Refusal> {
    let client_msg_id = client_msg_id(send.client_msg_id)?;
    let content = content(
        context,
        send.content.as_deref().unwrap_or_default(),
        send.attachments.is_empty(),
    )?;
    bounded("mentions", send.mentions.len(), limits::MENTIONS)?;
    bounded("attachments", send.attachments.len(), limits::ATTACHMENTS)?;
    let kind = send.kind.unwrap_or_default();
    if kind == MessageType::Call {
        return Err(Refusal::invalid(
            "type",
            "not_allowed",
            "calls write their message themselves",
        ));
    }
    let room = send.room_id;
    let send = SendMessage {
        message_id: MessageId::now_v7(),
        client_msg_id: client_msg_id.clone(),
        kind,
        content,
        reply_to: send.reply_to,
        thread_id: send.thread_id,
        mentions: send.mentions,
        attachments: send.attachments,
        forwarded_from: None,
    };
    let job = actor.job(Some(room), Act::SendMessage(send.clone()));
    let first_job = admission::admit(context, &job, room, &send).await?;
    Ok(Checked {
        job,
        client_msg_id,
        first_job,
    })
}

/// Stores the sends of one batch, in order, and says what the members hear.
///
/// # Errors
/// [`Failure`] for the batch as a whole; the transaction is then to be rolled back.
pub async fn apply(
    connection: &mut PgConnection,
    jobs: &[(&Job, &SendMessage)],
) -> Result<Vec<Vec<Effect>>, Failure> {
    let mut batch = Vec::with_capacity(jobs.len());
    for (job, send) in jobs {
        let room_id = job
            .room_id
            .ok_or_else(|| Failure::Reject("a message without a room".to_owned()))?;
        batch.push(NewMessage {
            job_id: job.job_id,
            room_id,
            sender_id: job.user_id,
            created_at: job.created_at,
            send: (*send).clone(),
            call: None,
        });
    }
    let appended = messages::append_batch(connection, &batch).await?;
    let without_message: Vec<(RoomId, JobId)> = batch
        .iter()
        .zip(&appended)
        .filter(|(new, appended)| !holds(appended, new.job_id))
        .map(|(new, _)| (new.room_id, new.job_id))
        .collect();
    if !without_message.is_empty() {
        // Where no message names the job, this does (`order`).
        jobs::claim(&mut *connection, &without_message, Timestamp::now()).await?;
    }
    let told = jobs
        .iter()
        .zip(appended)
        .map(|((job, send), appended)| effects(job, send, appended))
        .collect::<Result<Vec<_>, _>>()?;
    mentioned(connection, jobs, told).await
}

/// Whether the job has a message that names it.
fn holds(appended: &Appended, job: JobId) -> bool {
    match appended {
        Appended::Inserted(_) => true,
        Appended::Repeat(_, first) => *first == job,
        Appended::Refused(_) => false,
    }
}

/// Adds what mentioned members hear apart; a statement only for a batch that mentions somebody. Whoever is mentioned
/// and is no member hears nothing.
async fn mentioned(
    connection: &mut PgConnection,
    jobs: &[(&Job, &SendMessage)],
    mut told: Vec<Vec<Effect>>,
) -> Result<Vec<Vec<Effect>>, Failure> {
    let named: Vec<(RoomId, UserId)> = jobs
        .iter()
        .filter_map(|(job, send)| Some((job.room_id?, &send.mentions)))
        .flat_map(|(room, mentions)| mentions.iter().map(move |user| (room, *user)))
        .collect();
    if named.is_empty() {
        return Ok(told);
    }
    let members = members::among(connection, &named).await?;
    for ((job, send), told) in jobs.iter().zip(&mut told) {
        let Some((room_id, seq)) = told.first().and_then(|effect| effect.stored) else {
            continue;
        };
        // As it is stored: a repeat under the same job is told as the first was.
        let (preview, _) = objects::preview(&send.content);
        let users: BTreeSet<UserId> = send.mentions.iter().copied().collect();
        for user in users {
            if user == job.user_id || !members.contains(&(room_id, user)) {
                continue;
            }
            let event = ServerEvent::MessageMention {
                room_id,
                message_id: send.message_id,
                seq,
                sender_id: job.user_id,
                preview: preview.clone(),
            };
            told.push(Effect::of_job(Target::User(user), &event, job)?);
        }
    }
    Ok(told)
}

fn effects(job: &Job, send: &SendMessage, appended: Appended) -> Result<Vec<Effect>, Failure> {
    match appended {
        Appended::Inserted(message) => delivered(job, *message),
        // A redelivered job finds itself done: its fan-out may not have happened, so it happens (again).
        Appended::Repeat(message, first) if first == job.job_id => delivered(job, *message),
        Appended::Repeat(message, _) => {
            let Some(socket) = &job.socket_id else {
                return Ok(vec![]);
            };
            let event = ServerEvent::MessageDelivered(*message);
            let mut effect = Effect::of_job(Target::User(job.user_id), &event, job)?;
            effect.fanout.only_socket = Some(socket.clone());
            Ok(vec![effect])
        }
        Appended::Refused(Unappendable::RoomGone) => message_failed(
            job,
            send,
            ErrorCode::RoomNotFound,
            "The room was deleted before the message was stored.",
        ),
        Appended::Refused(Unappendable::NotMember) => message_failed(
            job,
            send,
            ErrorCode::NotMember,
            "You left the room before the message was stored.",
        ),
    }
}

fn delivered(job: &Job, message: Message) -> Result<Vec<Effect>, Failure> {
    let (room, seq) = (message.room_id, message.seq);
    let event = ServerEvent::MessageDelivered(message);
    let mut effect = Effect::of_job(Target::Room(room), &event, job)?;
    effect.stored = Some((room, seq));
    Ok(vec![effect])
}

/// The event that tells the sender of a send that was dead-lettered.
///
/// # Errors
/// [`Failure::Job`] if the event can't be encoded.
pub fn failed(job: &Job, send: &SendMessage) -> Result<Vec<Effect>, Failure> {
    message_failed(
        job,
        send,
        ErrorCode::DeliveryFailed,
        "The message could not be stored. Please send it again.",
    )
}

fn message_failed(
    job: &Job,
    send: &SendMessage,
    code: ErrorCode,
    message: &str,
) -> Result<Vec<Effect>, Failure> {
    let Some(room_id) = job.room_id else {
        return Ok(vec![]);
    };
    let event = ServerEvent::MessageFailed {
        room_id,
        client_msg_id: Some(send.client_msg_id.clone()),
        code,
        message: message.to_owned(),
    };
    Ok(vec![Effect::of_job(
        Target::User(job.user_id),
        &event,
        job,
    )?])
}

fn client_msg_id(given: Option<String>) -> Result<String, Refusal> {
    let Some(id) = given else {
        return Ok(Uuid::new_v4().to_string());
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if id.is_empty() || id.len() > limits::CLIENT_MSG_ID_CHARS || !id.bytes().all(allowed) {
        return Err(Refusal::invalid(
            "clientMsgId",
            "malformed",
            "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -",
        ));
    }
    Ok(id)
}

fn content(context: &Context, given: &str, required: bool) -> Result<String, Refusal> {
    let max = context.policy.max_content_chars;
    if given.chars().nth(max).is_some() {
        let message = format!("The message is longer than {max} characters.");
        return Err(Refusal::new(ErrorCode::ContentTooLarge, message));
    }
    let clean = sanitize(given);
    if clean.is_empty() && required {
        return Err(Refusal::new(
            ErrorCode::EmptyContent,
            "The message is empty.",
        ));
    }
    if count_links(&clean) > limits::SPAM_LINKS {
        let message = format!("A message may hold at most {} links.", limits::SPAM_LINKS);
        return Err(Refusal::new(ErrorCode::SpamDetected, message));
    }
    Ok(clean)
}

fn bounded(path: &str, count: usize, max: usize) -> Result<(), Refusal> {
    if count > max {
        return Err(Refusal::invalid(
            path,
            "too_many",
            format!("must hold at most {max} entries"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_message_id_is_kept_as_given_or_made_up() {
        assert_eq!(client_msg_id(Some("tmp-123".into())).unwrap(), "tmp-123");
        assert!(client_msg_id(None).unwrap().parse::<Uuid>().is_ok());
    }

    #[test]
    fn a_malformed_client_message_id_names_its_member() {
        for bad in ["", " ", "a b", "ä", &"x".repeat(65)] {
            let refusal = client_msg_id(Some(bad.to_owned())).unwrap_err();
            assert_eq!(refusal.fields[0].path, "clientMsgId", "{bad:?}");
        }
    }
}
