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
}

impl Failing {
    /// `status` of the answer to an event that asked for one.
    pub(crate) const fn status(&self) -> &'static str {
        match self {
            Self::Canonical => "ERROR",
            Self::Chatchit(_) => "error",
        }
    }

    /// Tells what the dialect tells beside.
    pub(crate) fn tell(&self, client: &Client, refusal: &Refusal) {
        match self {
            Self::Canonical => {}
            Self::Chatchit(carried) => carried.fail(client, refusal),
        }
    }
}
