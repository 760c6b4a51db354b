//! How dialects spell the failure of an event, beside the answer that all have in common (the wire contract, §1.3).

use chat_core::error::Refusal;

use super::chatchit;
use crate::sockets::client::Client;

/// The spelling of one event's failure, with what it must name.
#[derive(Debug, Clone)]
pub(crate) enum Failing {
    /// Canonical and unknown events.
    Canonical,
    /// Also as `<event>Error`.
    Chatchit(chatchit::Carried),
    /// Events of the dialects that have the common answer only.
    Plain,
    /// `chat:leave`, whose answers say `success`.
    Leave,
    /// `authenticate`, after which the socket goes.
    Authenticate,
}

impl Failing {
    /// `status` of the answer to an event that asked for one.
    pub(crate) const fn status(&self) -> &'static str {
        match self {
            Self::Canonical => "ERROR",
            Self::Chatchit(_) | Self::Plain | Self::Leave | Self::Authenticate => "error",
        }
    }

    /// `success` of that answer, where there is one.
    pub(crate) const fn success(&self) -> Option<bool> {
        match self {
            Self::Leave => Some(false),
            Self::Canonical | Self::Chatchit(_) | Self::Plain | Self::Authenticate => None,
        }
    }

    /// Whether the socket is sent away after it.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Authenticate)
    }

    /// Tells what the dialect tells beside.
    pub(crate) fn tell(&self, client: &Client, refusal: &Refusal) {
        match self {
            Self::Canonical | Self::Plain | Self::Leave | Self::Authenticate => {}
            Self::Chatchit(carried) => carried.fail(client, refusal),
        }
    }
}
