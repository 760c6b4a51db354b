//! What clients send: one file an event. Here they are told apart, limited, run in order and answered.

mod message_history;
mod message_read;
mod message_send;
mod ping;
mod presence;
mod room_create;
mod session_refresh;
mod session_resume;
mod typing;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chat_core::error::{ErrorCode, Refusal};
use chat_core::job::Job;
use chat_processor::actor::Actor;
use futures::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::ack::{self, Reply};
use super::client::Client;
use super::dialect::Dialect;
use super::lane::Pushed;
use super::namespace::Namespace;
use super::packet;
use crate::app::App;
use crate::auth::throttle;
use crate::http::extract::wrong_shape;

/// An event on its way to its handler.
#[derive(Debug)]
pub(crate) struct Incoming {
    event: Result<Event, ErrorCode>,
    reply: Reply,
    payload: Option<Box<RawValue>>,
}

/// The events that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    MessageSend,
    MessageHistory,
    MessageRead,
    TypingStart,
    TypingStop,
    PresenceSet,
    PresenceSubscribe,
    PresenceUnsubscribe,
    PresenceGet,
    RoomCreate,
    SessionResume,
    SessionRefresh,
    Ping,
}

impl Event {
    const ALL: [Self; 13] = [
        Self::MessageSend,
        Self::MessageHistory,
        Self::MessageRead,
        Self::TypingStart,
        Self::TypingStop,
        Self::PresenceSet,
        Self::PresenceSubscribe,
        Self::PresenceUnsubscribe,
        Self::PresenceGet,
        Self::RoomCreate,
        Self::SessionResume,
        Self::SessionRefresh,
        Self::Ping,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::MessageSend => "message.send",
            Self::MessageHistory => "message.history",
            Self::MessageRead => "message.read",
            Self::TypingStart => "typing.start",
            Self::TypingStop => "typing.stop",
            Self::PresenceSet => "presence.set",
            Self::PresenceSubscribe => "presence.subscribe",
            Self::PresenceUnsubscribe => "presence.unsubscribe",
            Self::PresenceGet => "presence.get",
            Self::RoomCreate => "room.create",
            Self::SessionResume => "session.resume",
            Self::SessionRefresh => "session.refresh",
            Self::Ping => "ping",
        }
    }

    /// The event of this name in a namespace.
    fn find(namespace: Namespace, name: &str) -> Option<Self> {
        let event = Self::ALL.into_iter().find(|event| event.name() == name)?;
        match namespace {
            Namespace::Chat => Some(event),
            Namespace::Root => (event == Self::Ping).then_some(event),
        }
    }

    /// Whether it counts in the bucket of socket events; the others have buckets of their own.
    const fn is_limited_here(self) -> bool {
        !matches!(
            self,
            Self::MessageSend | Self::TypingStart | Self::TypingStop | Self::PresenceSet
        )
    }
}

/// An event at its handler.
struct Call<'a> {
    app: &'a Arc<App>,
    client: &'a Arc<Client>,
    payload: Option<&'a RawValue>,
}

/// What a handler answers.
enum Answer {
    /// This, at once.
    Now(Box<RawValue>),
    /// This, once the job is safe.
    Queued(Box<Job>, Box<RawValue>),
}

impl Answer {
    fn now<T: Serialize>(answer: &T) -> Result<Self, Refusal> {
        Ok(Self::Now(encode(answer)?))
    }

    fn queued<T: Serialize>(job: Job, answer: &T) -> Result<Self, Refusal> {
        Ok(Self::Queued(Box::new(job), encode(answer)?))
    }

    /// The event was dropped on purpose.
    fn shed() -> Result<Self, Refusal> {
        Self::now(&Status { status: "SHED" })
    }
}

fn encode<T: Serialize>(answer: &T) -> Result<Box<RawValue>, Refusal> {
    serde_json::value::to_raw_value(answer).map_err(|error| {
        tracing::error!(%error, "an answer could not be encoded");
        internal()
    })
}

/// The plainest answers.
#[derive(Serialize)]
struct Status {
    status: &'static str,
}

impl Call<'_> {
    /// The payload, which must be an object of this shape.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let text = self.payload.map_or("null", RawValue::get);
        if !text.starts_with('{') {
            return Err(Refusal::invalid("payload", "invalid", "must be an object"));
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| wrong_shape("payload", &error))
    }

    fn actor(&self) -> Actor {
        Actor {
            user_id: self.client.user_id,
            session_id: self.client.session_id,
            socket_id: Some(self.client.id.clone()),
            gateway_id: Arc::clone(&self.app.config.gateway_id),
        }
    }
}

/// Takes an event in: `data` is the packet's JSON, of whatever shape.
///
/// Bad events take their turn in the lane too: a burst of them is answered as fast as the client reads, and no faster.
pub(crate) fn receive(app: &Arc<App>, client: &Arc<Client>, ack: Option<u64>, data: &str) {
    let (name, payload) =
        packet::arguments(data).map_or((None, None), |(name, payload)| (Some(name), payload));
    let event = match &name {
        None => Err(ErrorCode::InvalidEvent),
        Some(name) => Event::find(client.namespace, name).ok_or(ErrorCode::UnknownEvent),
    };
    let label = event.map_or("unknown", Event::name);
    app.metrics.event_received(Dialect::Canonical.name(), label);
    let reply = Reply {
        event: name.map_or_else(
            || "unknown".to_owned(),
            |name| name.chars().take(100).collect(),
        ),
        ack,
        client_msg_id: ack::client_msg_id(payload),
    };
    let incoming = Incoming {
        event,
        reply,
        payload: payload.filter(|_| event.is_ok()).map(ToOwned::to_owned),
    };
    let bytes = incoming
        .payload
        .as_deref()
        .map_or(0, |payload| payload.get().len());
    match client.lane.push(incoming, bytes) {
        Pushed::Waits => {}
        Pushed::StartWorker => {
            app.tasks.spawn(work(Arc::clone(app), Arc::clone(client)));
        }
        Pushed::Full(incoming) => {
            app.metrics.rate_limited("event");
            let refusal = Refusal::new(
                ErrorCode::RateLimited,
                "Too many events are waiting. Please slow down.",
            )
            .retry_after(Duration::from_secs(1));
            incoming.reply.fail(client, &refusal);
        }
    }
}

/// Works through a client's lane.
async fn work(app: Arc<App>, client: Arc<Client>) {
    while let Some(incoming) = client.lane.next() {
        if !client.has_room().await {
            client.close_transport();
            continue;
        }
        let event = match incoming.event {
            Ok(event) => event,
            Err(code) => {
                incoming.reply.fail(&client, &bad_event(code));
                continue;
            }
        };
        let handling = handle(&app, &client, event, incoming.payload.as_deref());
        // A bug in one event must not leave the lane without its worker.
        match AssertUnwindSafe(handling).catch_unwind().await {
            Ok(Ok(Answer::Now(answer))) => incoming.reply.succeed(&client, &answer),
            Ok(Ok(Answer::Queued(job, answer))) => {
                dispatch(&app, &client, incoming.reply, job, answer)
            }
            Ok(Err(refusal)) => refuse(&app, &client, &incoming.reply, &refusal),
            Err(_) => {
                tracing::error!(event = event.name(), "an event's handler panicked");
                incoming.reply.fail(&client, &internal());
            }
        }
    }
}

fn bad_event(code: ErrorCode) -> Refusal {
    let message = match code {
        ErrorCode::UnknownEvent => "There is no such event in this namespace.",
        _ => "An event is an array that starts with its name.",
    };
    Refusal::new(code, message)
}

async fn handle(
    app: &Arc<App>,
    client: &Arc<Client>,
    event: Event,
    payload: Option<&RawValue>,
) -> Result<Answer, Refusal> {
    if event.is_limited_here() {
        throttle::event(app, client.user_id).await?;
    }
    let call = Call {
        app,
        client,
        payload,
    };
    match event {
        Event::MessageSend => message_send::handle(&call).await,
        Event::MessageHistory => message_history::handle(&call).await,
        Event::MessageRead => message_read::handle(&call).await,
        Event::TypingStart => typing::handle(&call, true).await,
        Event::TypingStop => typing::handle(&call, false).await,
        Event::PresenceSet => presence::set(&call).await,
        Event::PresenceSubscribe => presence::subscribe(&call).await,
        Event::PresenceUnsubscribe => presence::unsubscribe(&call).await,
        Event::PresenceGet => presence::get(&call).await,
        Event::RoomCreate => room_create::handle(&call).await,
        Event::SessionResume => session_resume::handle(&call).await,
        Event::SessionRefresh => session_refresh::handle(&call).await,
        Event::Ping => ping::handle(&call),
    }
}

/// Hands the job over in the lane's order, and waits for the broker's confirm beside the lane.
fn dispatch(
    app: &Arc<App>,
    client: &Arc<Client>,
    reply: Reply,
    job: Box<Job>,
    answer: Box<RawValue>,
) {
    let (app_of_task, client) = (Arc::clone(app), Arc::clone(client));
    let mut confirmed = Box::pin(async move {
        match app_of_task.dispatcher.dispatch(&job).await {
            Ok(()) => reply.succeed(&client, &answer),
            Err(refusal) => reply.fail(&client, &refusal),
        }
    });
    // The first poll is what puts the job into the publisher's order.
    if confirmed.as_mut().now_or_never().is_none() {
        app.tasks.spawn(confirmed);
    }
}

fn refuse(app: &App, client: &Client, reply: &Reply, refusal: &Refusal) {
    if refusal.code == ErrorCode::RateLimited && reply.event == Event::MessageSend.name() {
        app.metrics.rate_limited("message");
    }
    reply.fail(client, refusal);
}

fn internal() -> Refusal {
    Refusal::new(
        ErrorCode::Internal,
        "Something went wrong. Please try again.",
    )
}
