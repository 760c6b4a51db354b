//! The Socket.IO namespaces that exist.

/// A namespace; each speaks its own set of dialects (the wire contract, §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Namespace {
    /// `/chat`: the canonical protocol and the dialects that share it.
    Chat,
    /// `/`: the dialects that never named a namespace.
    Root,
}

impl Namespace {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Chat, Self::Root];

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
        }
    }
}
