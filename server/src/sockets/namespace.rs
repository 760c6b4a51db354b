//! The Socket.IO namespaces that exist.

use crate::dialects::Dialect;

/// A namespace; each speaks its own set of dialects (the wire contract, §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Namespace {
    /// `/chat`: the canonical protocol and the dialects that share it.
    Chat,
    /// `/`: the dialects that never named a namespace.
    Root,
    /// `/ws`: `conversations`.
    Ws,
}

impl Namespace {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Chat, Self::Root, Self::Ws];

    /// The namespace of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|namespace| namespace.name() == name)
    }

    /// The name on the wire and in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chat => "/chat",
            Self::Root => "/",
            Self::Ws => "/ws",
        }
    }

    /// Whether its clients may come without a token and show one later.
    pub(crate) const fn has_guests(self) -> bool {
        matches!(self, Self::Ws)
    }

    /// The dialects that are spoken there.
    pub(crate) const fn dialects(self) -> &'static [Dialect] {
        match self {
            Self::Chat => &[Dialect::Canonical, Dialect::Chatchit, Dialect::QueuedRest],
            Self::Root => &[Dialect::Chatchit, Dialect::Webchat],
            Self::Ws => &[Dialect::Conversations],
        }
    }
}
