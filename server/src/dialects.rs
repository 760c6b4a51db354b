//! The dialects: other spellings of the canonical protocol, never another behaviour (the wire contract, §3).
//!
//! Each has a module of its own, which is mostly two tables: from its clients' events to canonical acts, and from
//! canonical events to what its clients hear. Event names are disjoint within a namespace, so a name finds its dialect,
//! whatever the socket chose to hear.

pub(crate) mod audience;
pub(crate) mod chatchit;
pub(crate) mod command;
mod conversations;
pub(crate) mod facts;
pub(crate) mod failing;
mod queued_rest;
mod rosters;
pub(crate) mod speech;
mod spelling;
mod webchat;

use std::sync::Arc;

use axum::Router;
use chat_core::protocol::server::ServerEvent;

use self::speech::{Scope, Speech};
use crate::app::App;

/// The routes of the dialects, from the root.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .merge(chatchit::rest::router())
        .merge(conversations::router())
        .merge(queued_rest::router())
        .merge(webchat::router())
}

/// A spelling of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// The canonical events, those of `native` and `realtime-server`.
    Canonical,
    /// camelCase events on `/chat` and `/`.
    Chatchit,
    /// A few `chat.message.*` events on `/chat`; its clients only listen.
    QueuedRest,
    /// Colon events on `/`.
    Webchat,
    /// snake_case events on `/ws`.
    Conversations,
}

impl Dialect {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Canonical,
        Self::Chatchit,
        Self::QueuedRest,
        Self::Webchat,
        Self::Conversations,
    ];

    /// The label of metrics, and the name under which it travels between gateways.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::Chatchit => "chatchit",
            Self::QueuedRest => "queued-rest",
            Self::Webchat => "webchat",
            Self::Conversations => "conversations",
        }
    }

    /// The dialect that a client asks for by this name when it connects.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "native" | "realtime-server" => Some(Self::Canonical),
            other => Self::ALL
                .into_iter()
                .find(|dialect| *dialect != Self::Canonical && dialect.name() == other),
        }
    }

    /// Whether its translations name people and rooms, which canonical events only refer to.
    pub(crate) const fn needs_facts(self) -> bool {
        matches!(self, Self::Chatchit)
    }

    /// What its clients hear of a canonical event. Canonical clients hear the event itself, untranslated.
    pub(crate) fn translate(self, event: &ServerEvent, scope: &Scope<'_>) -> Speech {
        match self {
            Self::Chatchit => chatchit::translate(event, scope),
            Self::QueuedRest => queued_rest::translate(event),
            Self::Webchat => webchat::translate(event, scope),
            Self::Conversations => conversations::translate(event),
            Self::Canonical => Speech::default(),
        }
    }
}
