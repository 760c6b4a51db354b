//! The packets of one fan-out event: one list a dialect and namespace, made when the first client that hears it is met,
//! encoded once for all of them.

use chat_core::fanout::{CONTROL_SPOKEN, Fanout, Spoken};
use chat_core::names::FanoutTarget;
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use engineioxide::Str;

use crate::app::App;
use crate::dialects::Dialect;
use crate::dialects::facts::{Known, Missing};
use crate::dialects::speech::{Hearers, Line, Scope, Speech};
use crate::sockets::client::Client;
use crate::sockets::namespace::Namespace;
use crate::sockets::packet;

type Encoded = [Option<Str>; Namespace::ALL.len()];

const UNENCODED: Encoded = [const { None }; Namespace::ALL.len()];

/// The packets of one event.
pub(super) struct Packets<'a> {
    pub(super) fanout: &'a Fanout,
    pub(super) target: FanoutTarget,
    app: &'a App,
    /// Whether a translation that lacks a name may be put off.
    may_wait: bool,
    event: Option<Option<ServerEvent>>,
    canonical: Encoded,
    translated: [Translation; Dialect::ALL.len()],
}

enum Translation {
    Untried,
    /// Something must be looked up first, or an earlier event waits for that.
    Waits,
    Lines(Vec<(Line, Encoded)>),
}

impl<'a> Packets<'a> {
    pub(super) const fn of(app: &'a App, target: FanoutTarget, fanout: &'a Fanout) -> Self {
        Self {
            fanout,
            target,
            app,
            may_wait: true,
            event: None,
            canonical: UNENCODED,
            translated: [const { Translation::Untried }; Dialect::ALL.len()],
        }
    }

    /// The same, translated with what is known by now.
    pub(super) const fn at_last(app: &'a App, target: FanoutTarget, fanout: &'a Fanout) -> Self {
        let mut packets = Self::of(app, target, fanout);
        packets.may_wait = false;
        packets
    }

    /// Sends a client what it hears in a dialect; whether that is anything.
    pub(super) fn send(&mut self, dialect: Dialect, client: &Client) -> bool {
        let namespace = client.namespace;
        if dialect == Dialect::Canonical {
            if self.fanout.event == CONTROL_SPOKEN {
                return false;
            }
            let slot = &mut self.canonical[namespace as usize];
            let packet = slot.get_or_insert_with(|| {
                packet::event(namespace, &self.fanout.event, self.fanout.data.get())
            });
            client.send(packet.clone());
            return true;
        }
        if matches!(self.translated[dialect as usize], Translation::Untried) {
            self.translated[dialect as usize] = self.translate(dialect);
        }
        let Translation::Lines(lines) = &mut self.translated[dialect as usize] else {
            return false;
        };
        let mut heard = false;
        for (line, encoded) in lines {
            if !line.hearers.include(client) {
                continue;
            }
            let packet = encoded[namespace as usize]
                .get_or_insert_with(|| packet::event(namespace, &line.name, line.payload.get()));
            client.send(packet.clone());
            heard = true;
        }
        heard
    }

    /// The dialects in which it waits for a look-up.
    pub(super) fn waiting(&self) -> Vec<Dialect> {
        let waits =
            |dialect: &Dialect| matches!(self.translated[*dialect as usize], Translation::Waits);
        Dialect::ALL.into_iter().filter(waits).collect()
    }

    /// What must be looked up before it can be translated.
    pub(super) fn missing(&mut self, dialect: Dialect) -> Missing {
        self.try_out(dialect).1
    }

    fn translate(&mut self, dialect: Dialect) -> Translation {
        // Whoever has to wait is not overtaken.
        if self.may_wait && dialect.needs_facts() && self.app.late.is_busy() {
            return Translation::Waits;
        }
        let (speech, missing) = self.try_out(dialect);
        if self.may_wait && !missing.is_empty() {
            return Translation::Waits;
        }
        let lines = speech.0.into_iter();
        Translation::Lines(lines.map(|line| (line, UNENCODED)).collect())
    }

    fn try_out(&mut self, dialect: Dialect) -> (Speech, Missing) {
        if self.fanout.event == CONTROL_SPOKEN {
            return (own(self.fanout, dialect), Missing::default());
        }
        let event = self.event.get_or_insert_with(|| {
            // A gateway that is older than its processors meets events that it does not know.
            self.fanout
                .typed()
                .inspect_err(|error| {
                    tracing::debug!(%error, event = self.fanout.event, "an event can't be translated");
                })
                .ok()
        });
        let Some(event) = event else {
            return (Speech::default(), Missing::default());
        };
        let known = Known::of(&self.app.facts);
        let scope = Scope {
            known: &known,
            origin_socket: self.fanout.origin_socket.as_deref(),
            now: Timestamp::now(),
        };
        let speech = dialect.translate(event, &scope);
        (speech, known.missing())
    }
}

/// An event that only exists in one dialect.
fn own(fanout: &Fanout, dialect: Dialect) -> Speech {
    match serde_json::from_str::<Spoken>(fanout.data.get()) {
        Ok(spoken) if spoken.dialect == dialect.name() => Speech(vec![Line {
            name: spoken.event.into(),
            payload: spoken.data,
            hearers: Hearers::everyone(),
        }]),
        Ok(_) => Speech::default(),
        Err(error) => {
            tracing::error!(%error, "an event of a dialect could not be read");
            Speech::default()
        }
    }
}
