//! What a client's event is: found by its name among those of the namespace's dialects.

use chat_core::error::Refusal;
use serde_json::value::RawValue;

use super::failing::Failing;
use super::{Dialect, chatchit, conversations, webchat};
use crate::sockets::events::event::Event;
use crate::sockets::events::{self, Answer, Call};
use crate::sockets::namespace::Namespace;

/// An event that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// A canonical one.
    Canonical(Event),
    /// One of `chatchit`.
    Chatchit(chatchit::Event),
    /// One of `webchat`.
    Webchat(webchat::Event),
    /// One of `conversations`.
    Conversations(conversations::Event),
}

impl Command {
    /// The event of this name in a namespace. `ping` is canonical everywhere.
    pub(crate) fn find(namespace: Namespace, name: &str) -> Option<Self> {
        if let Some(event) = Event::find(namespace, name) {
            return Some(Self::Canonical(event));
        }
        namespace
            .dialects()
            .iter()
            .find_map(|dialect| match dialect {
                Dialect::Chatchit => chatchit::Event::find(name).map(Self::Chatchit),
                Dialect::Webchat => webchat::Event::find(name).map(Self::Webchat),
                Dialect::Conversations => conversations::Event::find(name).map(Self::Conversations),
                Dialect::Canonical | Dialect::QueuedRest => None,
            })
    }

    /// Whose event it is.
    pub(crate) const fn dialect(self) -> Dialect {
        match self {
            Self::Canonical(_) => Dialect::Canonical,
            Self::Chatchit(_) => Dialect::Chatchit,
            Self::Webchat(_) => Dialect::Webchat,
            Self::Conversations(_) => Dialect::Conversations,
        }
    }

    /// The name on the wire and in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Canonical(event) => event.name(),
            Self::Chatchit(event) => event.name(),
            Self::Webchat(event) => event.name(),
            Self::Conversations(event) => event.name(),
        }
    }

    /// Whether it counts in the bucket of socket events; the others have buckets of their own.
    pub(crate) const fn is_limited_here(self) -> bool {
        match self {
            Self::Canonical(event) => event.is_limited_here(),
            Self::Chatchit(event) => event.is_limited_here(),
            Self::Webchat(event) => event.is_limited_here(),
            Self::Conversations(_) => true,
        }
    }

    /// Whether a client may send it that has not said yet whose it is.
    pub(crate) const fn is_for_guests(self) -> bool {
        matches!(
            self,
            Self::Conversations(conversations::Event::Authenticate)
        )
    }

    /// How its failure is spelled.
    pub(crate) fn failing(self, payload: Option<&RawValue>) -> Failing {
        match self {
            Self::Canonical(_) => Failing::Canonical,
            Self::Chatchit(event) => Failing::Chatchit(chatchit::Carried::of(event, payload)),
            Self::Webchat(webchat::Event::LeaveChat) => Failing::Leave,
            Self::Webchat(_) => Failing::Plain,
            Self::Conversations(conversations::Event::Authenticate) => Failing::Authenticate,
        }
    }

    /// Does it.
    pub(crate) async fn handle(self, call: &Call<'_>) -> Result<Answer, Refusal> {
        match self {
            Self::Canonical(event) => events::handle(event, call).await,
            Self::Chatchit(event) => chatchit::handle(event, call).await,
            Self::Webchat(event) => webchat::handle(event, call).await,
            Self::Conversations(event) => conversations::handle(event, call).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_finds_its_dialect_by_the_namespace() {
        let dialect = |namespace, name| Command::find(namespace, name).map(Command::dialect);
        let (chat, root) = (Namespace::Chat, Namespace::Root);
        assert_eq!(dialect(chat, "message.send"), Some(Dialect::Canonical));
        assert_eq!(dialect(root, "message.send"), None);
        assert_eq!(dialect(chat, "sendMessage"), Some(Dialect::Chatchit));
        assert_eq!(dialect(root, "sendMessage"), Some(Dialect::Chatchit));
        assert_eq!(dialect(Namespace::Ws, "sendMessage"), None);
        assert_eq!(dialect(root, "message"), Some(Dialect::Webchat));
        assert_eq!(dialect(chat, "message"), None);
        let authenticate = dialect(Namespace::Ws, "authenticate");
        assert_eq!(authenticate, Some(Dialect::Conversations));
        for namespace in Namespace::ALL {
            assert_eq!(dialect(namespace, "ping"), Some(Dialect::Canonical));
            assert_eq!(dialect(namespace, "custom:event"), None);
        }
    }
}
