//! What one Engine.IO connection carries: its namespaces, and the event whose attachments are still on their way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engineioxide::Str;

use super::client::Client;
use super::namespace::Namespace;

/// The state of a connection; engineioxide keeps one beside each of its sockets.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seats: Vec<Seat>,
    pending: Option<Pending>,
    closed: bool,
}

#[derive(Debug)]
struct Seat {
    namespace: Namespace,
    /// `None` while the handshake is under way.
    client: Option<Arc<Client>>,
}

/// An event that waits for its binary attachments.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The namespace's name.
    pub(crate) namespace: Str,
    /// The client's id for the answer, if it wants one.
    pub(crate) ack: Option<u64>,
    /// Name and arguments, as JSON.
    pub(crate) data: Str,
    /// Attachments still to come.
    pub(crate) missing: usize,
    /// An acknowledgement, which is skipped, not an event.
    pub(crate) skip: bool,
}

impl Connection {
    /// Takes the place of a namespace for a handshake; `false` if it is taken or the connection is closed.
    pub(crate) fn reserve(&self, namespace: Namespace) -> bool {
        let mut state = self.lock();
        if state.closed || state.seats.iter().any(|seat| seat.namespace == namespace) {
            return false;
        }
        state.seats.push(Seat {
            namespace,
            client: None,
        });
        true
    }

    /// Gives a reserved place to its client; `false` if the connection closed meanwhile.
    pub(crate) fn seat(&self, client: &Arc<Client>) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        let seat = state
            .seats
            .iter_mut()
            .find(|seat| seat.namespace == client.namespace);
        seat.map(|seat| seat.client = Some(Arc::clone(client)))
            .is_some()
    }

    /// Frees the place of a namespace.
    pub(crate) fn leave(&self, namespace: Namespace) -> Option<Arc<Client>> {
        let mut state = self.lock();
        let index = state
            .seats
            .iter()
            .position(|seat| seat.namespace == namespace)?;
        state.seats.swap_remove(index).client
    }

    /// The client in a namespace, once its handshake succeeded.
    pub(crate) fn client(&self, namespace: Namespace) -> Option<Arc<Client>> {
        let state = self.lock();
        let seat = state
            .seats
            .iter()
            .find(|seat| seat.namespace == namespace)?;
        seat.client.clone()
    }

    /// Whether nobody sits here, nor is about to.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().seats.is_empty()
    }

    /// Closes for good and gives back who sat here. A second call finds nobody.
    pub(crate) fn close(&self) -> Vec<Arc<Client>> {
        let mut state = self.lock();
        state.closed = true;
        state.pending = None;
        state
            .seats
            .drain(..)
            .filter_map(|seat| seat.client)
            .collect()
    }

    /// Keeps an event until its attachments are there.
    pub(crate) fn wait_for_attachments(&self, pending: Pending) {
        self.lock().pending = Some(pending);
    }

    /// Whether attachments are due, so that a text would be out of place.
    pub(crate) fn awaits_attachments(&self) -> bool {
        self.lock().pending.is_some()
    }

    /// Counts an attachment in; gives the event once it was the last.
    ///
    /// # Errors
    /// If none was due.
    pub(crate) fn attachment(&self) -> Result<Option<Pending>, super::packet::Malformed> {
        let mut state = self.lock();
        let pending = state.pending.as_mut().ok_or(super::packet::Malformed)?;
        pending.missing = pending.missing.saturating_sub(1);
        Ok(if pending.missing == 0 {
            state.pending.take()
        } else {
            None
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
