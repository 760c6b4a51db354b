//! From Redis to the sockets of this gateway: which channels it listens to, and what it does with what it hears.

mod emit;
pub(crate) mod heads;
pub(crate) mod late;
pub(crate) mod membership;
mod missing;
pub(crate) mod packets;
pub(crate) mod pump;
pub(crate) mod receipts;
mod reorder;
pub(crate) mod subscriptions;
pub(crate) mod views;
