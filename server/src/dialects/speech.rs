//! What a dialect's clients hear of one act, and which of them.

use std::borrow::Cow;

use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::facts::Known;
use crate::sockets::client::Client;

/// What a translation may look at beside the event.
pub(crate) struct Scope<'a> {
    /// Names of people, kinds of rooms.
    pub(crate) known: &'a Known<'a>,
    /// The socket that caused it, wherever it is.
    pub(crate) origin_socket: Option<&'a str>,
    /// When it is translated.
    pub(crate) now: Timestamp,
}

/// Which of the sockets that a canonical event reaches hear its translation: all of which everything given here holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hearers {
    only_user: Option<UserId>,
    not_user: Option<UserId>,
    only_socket: Option<String>,
    not_socket: Option<String>,
    viewers_of: Option<RoomId>,
}

impl Hearers {
    /// All of them.
    pub(crate) fn everyone() -> Self {
        Self::default()
    }

    /// A user's only.
    pub(crate) fn only_user(mut self, user: UserId) -> Self {
        self.only_user = Some(user);
        self
    }

    /// None of a user's.
    pub(crate) fn not_user(mut self, user: UserId) -> Self {
        self.not_user = Some(user);
        self
    }

    /// This one.
    pub(crate) fn only_socket(mut self, socket: &str) -> Self {
        self.only_socket = Some(socket.to_owned());
        self
    }

    /// Not the socket that caused the event, if one is known.
    pub(crate) fn not_origin(mut self, scope: &Scope<'_>) -> Self {
        self.not_socket = scope.origin_socket.map(ToOwned::to_owned);
        self
    }

    /// Those that look at the room right now (`chat:join`).
    pub(crate) fn viewers_of(mut self, room: RoomId) -> Self {
        self.viewers_of = Some(room);
        self
    }

    /// Whether a client is one of them.
    pub(crate) fn include(&self, client: &Client) -> bool {
        self.only_user.is_none_or(|user| user == client.user_id)
            && self.not_user.is_none_or(|user| user != client.user_id)
            && self
                .only_socket
                .as_ref()
                .is_none_or(|only| *only == client.id)
            && self.not_socket.as_ref().is_none_or(|not| *not != client.id)
            && self.viewers_of.is_none_or(|room| client.views(room))
    }
}

/// One event of a dialect.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: Cow<'static, str>,
    /// Its payload, encoded.
    pub(crate) payload: Box<RawValue>,
    /// Who hears it.
    pub(crate) hearers: Hearers,
}

/// The events of a dialect for one canonical event, in their order.
#[derive(Debug, Default)]
pub(crate) struct Speech(pub(crate) Vec<Line>);

impl Speech {
    /// These events and then those.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The same events for fewer.
    #[must_use]
    pub(crate) fn each(mut self, narrow: impl Fn(Hearers) -> Hearers) -> Self {
        for line in &mut self.0 {
            line.hearers = narrow(std::mem::take(&mut line.hearers));
        }
        self
    }

    /// Adds an event.
    #[must_use]
    pub(crate) fn say<T: Serialize>(
        mut self,
        name: &'static str,
        hearers: Hearers,
        payload: &T,
    ) -> Self {
        match serde_json::value::to_raw_value(payload) {
            Ok(payload) => self.0.push(Line {
                name: Cow::Borrowed(name),
                payload,
                hearers,
            }),
            Err(error) => {
                tracing::error!(%error, event = name, "an event could not be encoded");
            }
        }
        self
    }
}
