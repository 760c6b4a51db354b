//! Sends over REST whose answer waits for the commit.
//!
//! The message takes the queue like every other one, so that a sender's messages keep their order; what is stored is then
//! looked for in Postgres, because the worker may be anywhere.

use std::time::Duration;

use chat_backends::postgres::messages;
use chat_core::error::Refusal;
use chat_core::ids::{MessageId, RoomId};
use chat_core::job::{Act, Job};
use chat_core::protocol::client::MessageSend;
use chat_core::protocol::objects::Message;
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::send_message;
use tokio::time::Instant;

use crate::app::App;

/// How long an answer waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pauses between two looks: short at first, because a commit takes milliseconds when nothing is wrong.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What came of a send.
pub(crate) enum Sent {
    /// It is stored, as the sender sees it; of a repeat, what the first one stored.
    Stored(Box<Message>),
    /// It is safe, and will be stored.
    Queued(Queued),
}

/// A send that is not stored yet.
pub(crate) struct Queued {
    pub(crate) room_id: RoomId,
    /// The id that the message gets, unless it is a repeat.
    pub(crate) message_id: MessageId,
    /// The sanitised content.
    pub(crate) content: String,
    pub(crate) created_at: Timestamp,
}

/// Sends, and waits a few seconds for the commit.
///
/// # Errors
/// The refusals of [`send_message::check`] and of the dispatcher.
pub(crate) async fn and_wait(app: &App, actor: &Actor, send: MessageSend) -> Result<Sent, Refusal> {
    let room = send.room_id;
    let checked = send_message::check(&app.context, actor, send).await?;
    let queued = queued(&checked.job, room)?;
    app.dispatcher.dispatch(checked.job).await?;
    let deadline = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        match stored(app, actor, room, &checked.client_msg_id).await {
            Ok(Some(message)) => return Ok(Sent::Stored(Box::new(message))),
            Ok(None) => {}
            // The message is safe all the same: an error would make the client send it again.
            Err(error) => tracing::debug!(%error, "it can't be seen whether a send is stored"),
        }
        if Instant::now() + pause > deadline {
            return Ok(Sent::Queued(queued));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn queued(job: &Job, room_id: RoomId) -> Result<Queued, Refusal> {
    match &job.act {
        Act::SendMessage(send) => Ok(Queued {
            room_id,
            message_id: send.message_id,
            content: send.content.clone(),
            created_at: job.created_at,
        }),
        _ => Err(Refusal::new(
            chat_core::error::ErrorCode::Internal,
            "Something went wrong.",
        )),
    }
}

async fn stored(
    app: &App,
    actor: &Actor,
    room: RoomId,
    client_msg_id: &str,
) -> Result<Option<Message>, sqlx::Error> {
    let mut connection = app.context.pg.acquire().await?;
    let (user, now) = (actor.user_id, Timestamp::now());
    let found = messages::by_client_msg_id(&mut connection, room, user, client_msg_id, now).await?;
    Ok(found.map(|(message, _)| message))
}
