//! Which dialects a socket hears (the wire contract, §2.2 and §3.0).

use super::Dialect;
use crate::sockets::namespace::Namespace;

/// The dialects that one socket hears: one that it names, else the union of its namespace's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Audience(u8);

impl Audience {
    /// The audience of a socket that named `dialect` when it connected, if it named one that its namespace speaks.
    pub(crate) fn select(namespace: Namespace, dialect: Option<&str>) -> Self {
        let spoken = namespace.dialects();
        match dialect.and_then(Dialect::named) {
            Some(named) if spoken.contains(&named) => Self::of(&[named]),
            _ => Self::of(spoken),
        }
    }

    fn of(dialects: &[Dialect]) -> Self {
        Self(
            dialects
                .iter()
                .fold(0, |bits, dialect| bits | bit(*dialect)),
        )
    }

    /// Whether it hears this dialect.
    pub(crate) const fn hears(self, dialect: Dialect) -> bool {
        self.0 & bit(dialect) != 0
    }
}

const fn bit(dialect: Dialect) -> u8 {
    1 << dialect as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(namespace: Namespace, dialect: Option<&str>) -> Vec<Dialect> {
        let audience = Audience::select(namespace, dialect);
        let hears = |dialect: &Dialect| audience.hears(*dialect);
        Dialect::ALL.into_iter().filter(hears).collect()
    }

    #[test]
    fn a_socket_that_names_a_dialect_hears_only_that() {
        for (namespace, name, expected) in [
            (Namespace::Chat, "native", Dialect::Canonical),
            (Namespace::Chat, "realtime-server", Dialect::Canonical),
            (Namespace::Chat, "chatchit", Dialect::Chatchit),
            (Namespace::Chat, "queued-rest", Dialect::QueuedRest),
            (Namespace::Root, "chatchit", Dialect::Chatchit),
            (Namespace::Root, "webchat", Dialect::Webchat),
        ] {
            assert_eq!(heard(namespace, Some(name)), [expected], "{name}");
        }
    }

    #[test]
    fn a_socket_that_names_none_hears_all_of_its_namespace() {
        for name in [None, Some("klingon"), Some("canonical"), Some("webchat")] {
            assert_eq!(heard(Namespace::Chat, name), Namespace::Chat.dialects());
        }
        assert_eq!(heard(Namespace::Root, None).len(), 2);
        assert_eq!(heard(Namespace::Ws, None), [Dialect::Conversations]);
    }
}
