//! Events that a dialect can't spell yet, because a name is missing: one look-up, then their clients hear them, in order.
//!
//! Canonical clients never wait for this, and in steady state nobody does: what was looked up once is remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_core::fanout::Fanout;
use chat_core::names::FanoutTarget;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::emit;
use super::packets::Packets;
use crate::app::App;
use crate::dialects::Dialect;

/// Most events that wait; what is beyond is spelled with the names that are known.
const MOST: usize = 10_000;

/// The events that wait.
pub(crate) struct Late {
    sender: Sender<Latecomer>,
    waiting: AtomicUsize,
}

/// An event that waits.
pub(crate) struct Latecomer {
    dialect: Dialect,
    target: FanoutTarget,
    fanout: Fanout,
}

impl Late {
    /// Nobody waits yet; the receiver is for [`run`].
    pub(crate) fn new() -> (Self, Receiver<Latecomer>) {
        let (sender, receiver) = mpsc::channel(MOST);
        let late = Self {
            sender,
            waiting: AtomicUsize::new(0),
        };
        (late, receiver)
    }

    /// Whether an event waits: the next ones of a dialect that needs names must wait behind it.
    pub(super) fn is_busy(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Lets an event wait.
    pub(super) fn push(&self, app: &App, dialect: Dialect, target: FanoutTarget, fanout: &Fanout) {
        let latecomer = Latecomer {
            dialect,
            target,
            fanout: fanout.clone(),
        };
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if let Err(error) = self.sender.try_send(latecomer) {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            tracing::warn!(%error, "too many events wait for names; one goes without");
            let mut packets = Packets::at_last(app, target, fanout);
            emit::emit_in(app, &[dialect], &mut packets);
        }
    }
}

/// Works until `stop`.
pub(crate) async fn run(
    app: Arc<App>,
    mut latecomers: Receiver<Latecomer>,
    stop: CancellationToken,
) {
    while let Some(Some(late)) = stop.run_until_cancelled(latecomers.recv()).await {
        let mut packets = Packets::at_last(&app, late.target, &late.fanout);
        let missing = packets.missing(late.dialect);
        if !missing.is_empty() {
            app.facts.look_up(&app.context.pg, &missing).await;
        }
        emit::emit_in(&app, &[late.dialect], &mut packets);
        app.late.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
