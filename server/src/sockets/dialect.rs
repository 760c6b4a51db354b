//! Which spellings of an act a socket hears (the wire contract, §2.2 and §3.0).
//!
//! A dialect is another spelling of the canonical events, never another behaviour. Each gets a module of its own beside
//! this one, which is mostly a table from canonical events to its own.

use super::namespace::Namespace;

/// A spelling of server events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// The canonical events, those of `native` and `realtime-server`.
    Canonical,
}

impl Dialect {
    /// The label of metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
        }
    }
}

/// The dialects that one socket hears: one that it names, else the union of its namespace's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Audience {
    canonical: bool,
}

impl Audience {
    /// The audience of a socket that named `dialect` when it connected, if it named one that exists.
    pub(crate) fn select(namespace: Namespace, dialect: Option<&str>) -> Self {
        let of_namespace = match namespace {
            Namespace::Chat => Self { canonical: true },
            Namespace::Root => Self { canonical: false },
        };
        match dialect {
            Some("native" | "realtime-server") => Self {
                canonical: of_namespace.canonical,
            },
            Some("chatchit" | "queued-rest" | "webchat") => Self { canonical: false },
            _ => of_namespace,
        }
    }

    /// Whether it hears this dialect.
    pub(crate) const fn hears(self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Canonical => self.canonical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_names_no_dialect_hears_the_canonical_events() {
        for dialect in [
            None,
            Some("native"),
            Some("realtime-server"),
            Some("klingon"),
        ] {
            assert!(Audience::select(Namespace::Chat, dialect).hears(Dialect::Canonical));
        }
    }

    #[test]
    fn a_socket_that_names_another_dialect_hears_no_canonical_events() {
        assert!(!Audience::select(Namespace::Chat, Some("chatchit")).hears(Dialect::Canonical));
    }
}
