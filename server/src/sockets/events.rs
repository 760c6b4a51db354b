//! What clients send: one file an event. Here they are told apart, limited, run in order and answered.

mod block;
mod call;
pub(crate) mod event;
mod friend;
mod message_delete;
mod message_edit;
mod message_forward;
mod message_history;
mod message_pin;
mod message_react;
mod message_read;
mod message_send;
mod ping;
mod presence;
mod room_create;
mod room_delete;
mod room_invite;
mod room_join;
mod room_leave;
mod room_mute;
mod room_role;
mod room_update;
mod session_refresh;
mod session_resume;
mod story_view;
mod typing;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::MessageId;
use chat_core::job::Job;
use chat_processor::actor::Actor;
use chat_processor::commands::friend::Answer as FriendAnswer;
use chat_processor::trace::{Kind, Step};
use futures::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use self::event::Event;
pub(crate) use self::event::described as client_events;
use super::ack::{self, Reply};
use super::client::Client;
use super::lane::Pushed;
use super::{engine, guests, packet};
use crate::app::App;
use crate::auth::throttle;
use crate::dialects::Dialect;
use crate::dialects::command::Command;
use crate::dialects::failing::Failing;
use crate::dispatch::Started;
use crate::http::extract::{without_position, wrong_shape};
use crate::metrics::Stage;

/// An event on its way to its handler.
#[derive(Debug)]
pub(crate) struct Incoming {
    command: Result<Command, ErrorCode>,
    reply: Reply,
    payload: Option<Box<RawValue>>,
    step: Step,
}

/// An event at its handler.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a Arc<App>,
    pub(crate) client: &'a Arc<Client>,
    pub(crate) payload: Option<&'a RawValue>,
}

/// What a handler answers.
pub(crate) enum Answer {
    /// This, at once.
    Now(Outcome),
    /// This, once these jobs are safe.
    Queued(Vec<Job>, Outcome),
}

/// What the client hears of its event's success.
pub(crate) struct Outcome {
    ack: Box<RawValue>,
    /// Emitted to the client too, whether it wanted an ack or not.
    emits: Vec<(&'static str, Box<RawValue>)>,
}

impl Outcome {
    fn of<T: Serialize>(answer: &T) -> Result<Self, Refusal> {
        Ok(Self {
            ack: encode(answer)?,
            emits: Vec::new(),
        })
    }

    fn tell(&self, client: &Client, reply: &Reply) {
        reply.succeed(client, &self.ack);
        for (name, payload) in &self.emits {
            client.emit(name, payload);
        }
    }
}

impl Answer {
    pub(crate) fn now<T: Serialize>(answer: &T) -> Result<Self, Refusal> {
        Ok(Self::Now(Outcome::of(answer)?))
    }

    /// The same, and this event to the emitting socket.
    pub(crate) fn emitting<T: Serialize>(
        mut self,
        name: &'static str,
        payload: &T,
    ) -> Result<Self, Refusal> {
        let (Self::Now(outcome) | Self::Queued(_, outcome)) = &mut self;
        outcome.emits.push((name, encode(payload)?));
        Ok(self)
    }

    pub(crate) fn queued<T: Serialize>(job: Job, answer: &T) -> Result<Self, Refusal> {
        Self::all_queued(vec![job], answer)
    }

    pub(crate) fn all_queued<T: Serialize>(jobs: Vec<Job>, answer: &T) -> Result<Self, Refusal> {
        Ok(Self::Queued(jobs, Outcome::of(answer)?))
    }

    /// The event was dropped on purpose.
    pub(crate) fn shed() -> Result<Self, Refusal> {
        Self::now(&Status::SHED)
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

impl Status {
    const OK: Self = Self { status: "OK" };
    const QUEUED: Self = Self { status: "QUEUED" };
    const SHED: Self = Self { status: "SHED" };
}

/// The answer to an act on a message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueuedMessage {
    status: &'static str,
    message_id: MessageId,
}

impl QueuedMessage {
    const fn new(message_id: MessageId) -> Self {
        Self {
            status: "QUEUED",
            message_id,
        }
    }
}

impl Call<'_> {
    /// The payload, which must be an object of this shape.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let text = self.object()?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| wrong_shape("payload", &error))
    }

    /// The same for a shape that keeps raw JSON, which can only be cut out of the text itself; errors name no path.
    fn parse_unbuffered<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let text = self.object()?;
        serde_json::from_str(text).map_err(|error| {
            Refusal::invalid("payload", "invalid", without_position(&error.to_string()))
        })
    }

    fn object(&self) -> Result<&str, Refusal> {
        let text = self.payload.map_or("null", RawValue::get);
        if text.starts_with('{') {
            Ok(text)
        } else {
            Err(Refusal::invalid("payload", "invalid", "must be an object"))
        }
    }

    pub(crate) fn actor(&self) -> Actor {
        Actor {
            user_id: self.client.user_id,
            session_id: self.client.session_id,
            socket_id: Some(self.client.id.clone()),
            ip: None,
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
    let command = match &name {
        None => Err(ErrorCode::InvalidEvent),
        Some(name) => match Command::find(client.namespace, name) {
            Some(command) if client.is_guest() && !command.is_for_guests() => {
                Err(ErrorCode::Unauthenticated)
            }
            None if client.is_guest() => Err(ErrorCode::Unauthenticated),
            found => found.ok_or(ErrorCode::UnknownEvent),
        },
    };
    let dialect = command.map_or(Dialect::Canonical, Command::dialect);
    let label = command.map_or("unknown", Command::name);
    app.metrics.event_received(dialect.name(), label);
    let reply = Reply {
        event: name.map_or_else(
            || "unknown".to_owned(),
            |name| name.chars().take(100).collect(),
        ),
        ack,
        client_msg_id: ack::client_msg_id(payload),
        failing: command.map_or(Failing::Canonical, |command| command.failing(payload)),
    };
    let incoming = Incoming {
        command,
        reply,
        payload: payload.filter(|_| command.is_ok()).map(ToOwned::to_owned),
        step: Step::begin(Kind::Server, label, packet::traceparent(payload).as_deref()),
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
            incoming.step.fail("rate_limited");
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
        let command = match incoming.command {
            Ok(command) => command,
            Err(code) => {
                incoming.reply.fail(&client, &bad_event(code));
                continue;
            }
        };
        let began = Instant::now();
        let handling = limited(&app, &client, command, incoming.payload.as_deref());
        let handling = incoming.step.around(handling);
        // A bug in one event must not leave the lane without its worker.
        match AssertUnwindSafe(handling).catch_unwind().await {
            Ok(Ok(Answer::Now(outcome))) => outcome.tell(&client, &incoming.reply),
            Ok(Ok(Answer::Queued(jobs, outcome))) => {
                app.metrics.stage(Stage::Check, began.elapsed());
                let step = incoming.step.clone();
                let dispatching =
                    dispatch(&app, &client, incoming.reply, jobs, outcome, incoming.step);
                step.around(dispatching).await;
            }
            Ok(Err(refusal)) => {
                incoming.step.fail(refusal.code.as_str());
                refuse(&app, &client, &incoming.reply, &refusal);
                if incoming.reply.failing.is_final() {
                    engine::dismiss(&app, &guests::current(&client));
                }
            }
            Err(_) => {
                tracing::error!(event = command.name(), "an event's handler panicked");
                incoming.reply.fail(&client, &internal());
            }
        }
    }
}

fn bad_event(code: ErrorCode) -> Refusal {
    if code == ErrorCode::Unauthenticated {
        return guests::unauthenticated();
    }
    let message = match code {
        ErrorCode::UnknownEvent => "There is no such event in this namespace.",
        _ => "An event is an array that starts with its name.",
    };
    Refusal::new(code, message)
}

async fn limited(
    app: &Arc<App>,
    client: &Arc<Client>,
    command: Command,
    payload: Option<&RawValue>,
) -> Result<Answer, Refusal> {
    if command.is_limited_here() && !client.is_guest() {
        throttle::event(app, client.user_id).await?;
    }
    let call = Call {
        app,
        client,
        payload,
    };
    command.handle(&call).await
}

/// Does a canonical event.
pub(crate) async fn handle(event: Event, call: &Call<'_>) -> Result<Answer, Refusal> {
    match event {
        Event::MessageSend => message_send::handle(call).await,
        Event::MessageEdit => message_edit::handle(call).await,
        Event::MessageDelete => message_delete::handle(call).await,
        Event::MessagePin => message_pin::pin(call).await,
        Event::MessageUnpin => message_pin::unpin(call).await,
        Event::MessageForward => message_forward::handle(call).await,
        Event::MessageReact => message_react::handle(call).await,
        Event::MessageRead => message_read::handle(call).await,
        Event::MessageHistory => message_history::handle(call).await,
        Event::TypingStart => typing::handle(call, true).await,
        Event::TypingStop => typing::handle(call, false).await,
        Event::PresenceSet => presence::set(call).await,
        Event::PresenceSubscribe => presence::subscribe(call).await,
        Event::PresenceUnsubscribe => presence::unsubscribe(call).await,
        Event::PresenceGet => presence::get(call).await,
        Event::RoomCreate => room_create::handle(call).await,
        Event::RoomInvite => room_invite::handle(call).await,
        Event::RoomJoin => room_join::handle(call).await,
        Event::RoomLeave => room_leave::leave(call).await,
        Event::RoomKick => room_leave::kick(call).await,
        Event::RoomRole => room_role::handle(call).await,
        Event::RoomUpdate => room_update::handle(call).await,
        Event::RoomDelete => room_delete::handle(call).await,
        Event::RoomMute => room_mute::handle(call).await,
        Event::FriendRequest => friend::request(call).await,
        Event::FriendAccept => friend::answer(call, FriendAnswer::Accept).await,
        Event::FriendRefuse => friend::answer(call, FriendAnswer::Refuse).await,
        Event::FriendCancel => friend::answer(call, FriendAnswer::Cancel).await,
        Event::FriendRemove => friend::remove(call).await,
        Event::BlockAdd => block::handle(call, true).await,
        Event::BlockRemove => block::handle(call, false).await,
        Event::CallInitiate => call::initiate(call).await,
        Event::CallAnswer => call::answer(call).await,
        Event::CallRefuse => call::refuse(call).await,
        Event::CallClose => call::close(call).await,
        Event::CallSignal => call::signal(call).await,
        Event::StoryView => story_view::handle(call).await,
        Event::SessionResume => session_resume::handle(call).await,
        Event::SessionRefresh => session_refresh::handle(call).await,
        Event::Ping => ping::handle(call),
    }
}

/// Jobs whose confirms a client waits for.
pub(crate) struct Confirming {
    started: Vec<Started>,
    reply: Reply,
    outcome: Outcome,
    step: Step,
}

/// Hands the job over in the lane's order. Confirms are awaited beside the lane, in the same order: if the broker breaks,
/// what it did not confirm is done here one after the other.
async fn dispatch(
    app: &Arc<App>,
    client: &Arc<Client>,
    reply: Reply,
    jobs: Vec<Job>,
    outcome: Outcome,
    step: Step,
) {
    let started = jobs
        .into_iter()
        .map(|job| app.dispatcher.start(job))
        .collect();
    let confirming = Confirming {
        started,
        reply,
        outcome,
        step,
    };
    match client.confirms.push(confirming, 0) {
        Pushed::Waits => {}
        Pushed::StartWorker => {
            app.tasks
                .spawn(confirm_all(Arc::clone(app), Arc::clone(client)));
        }
        // The lane itself waits, until the broker is faster.
        Pushed::Full(confirming) => confirm(app, client, confirming).await,
    }
}

async fn confirm_all(app: Arc<App>, client: Arc<Client>) {
    while let Some(confirming) = client.confirms.next() {
        confirm(&app, &client, confirming).await;
    }
}

async fn confirm(app: &App, client: &Client, confirming: Confirming) {
    for started in confirming.started {
        if let Err(refusal) = app.dispatcher.finish(started).await {
            confirming.step.fail(refusal.code.as_str());
            confirming.reply.fail(client, &refusal);
            return;
        }
    }
    confirming.outcome.tell(client, &confirming.reply);
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
