//! What was sent and what was acknowledged, in one order for all members of a run.

use std::sync::atomic::{AtomicU64, Ordering};

use chat_core::ids::{RoomId, UserId};
use uuid::Uuid;

/// Counts what happens, so that of two events of different members it is known which came first.
static CLOCK: AtomicU64 = AtomicU64::new(1);

/// The next point in time.
pub(crate) fn now() -> u64 {
    CLOCK.fetch_add(1, Ordering::SeqCst)
}

/// One message as its sender knows it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) room: RoomId,
    pub(crate) sender: UserId,
    pub(crate) client_id: Uuid,
    pub(crate) content: String,
    /// When it was first emitted.
    pub(crate) emitted: u64,
    /// When `QUEUED` came.
    pub(crate) acknowledged: Option<u64>,
    /// How often it was emitted.
    pub(crate) emissions: u32,
    /// The connection, if it was emitted once and acknowledged on the same one.
    pub(crate) clean_on: Option<u64>,
}
