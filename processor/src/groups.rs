//! The consumer groups of the event log: each has a place of its own in it and keeps something of its own.
//!
//! A new group is one file with a `handle` and a `wants`, and its name in [`Group`]. What a group keeps, its position and its
//! receipts are one transaction: a crash repeats nothing, and an entry that is in the log twice counts once. What a group
//! tells the log itself goes into the outbox in that transaction, and nobody derives anything from it again.

pub mod analytics;
pub mod audit;
mod follow;
pub mod notifications;
pub mod start;
mod windows;

use std::sync::Arc;

use chat_backends::config::RabbitConfig;
use chat_core::event::{DomainEvent, EventType};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// A consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Group {
    /// Counts of what happened in each minute.
    Analytics,
    /// Who made, left and changed what: the audit log.
    Audit,
    /// Web Push to members who are not there.
    Notifications,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 3] = [Self::Analytics, Self::Audit, Self::Notifications];

    /// The name under which its position is kept.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Analytics => "analytics",
            Self::Audit => "audit",
            Self::Notifications => "notifications",
        }
    }

    /// Whether it wants such events. What it does not want it does not remember either, so that a replay by a version that
    /// wants more brings what is missing.
    const fn wants(self, event_type: EventType) -> bool {
        match self {
            Self::Analytics => analytics::wants(event_type),
            Self::Audit => audit::wants(event_type),
            Self::Notifications => notifications::wants(event_type),
        }
    }

    /// Keeps events that it wants and has not seen before, in their order.
    async fn handle(
        self,
        connection: &mut PgConnection,
        events: &[&DomainEvent],
    ) -> Result<(), Failure> {
        match self {
            Self::Analytics => analytics::handle(connection, events).await,
            Self::Audit => audit::handle(connection, events).await,
            Self::Notifications => notifications::handle(connection, events).await,
        }
    }
}

/// Follows the log for every group until `stop`. Each processor does, and one of them leads.
pub async fn run(
    pool: PgPool,
    rabbitmq: Arc<RabbitConfig>,
    name: Arc<str>,
    stop: CancellationToken,
) {
    let follower = follow::Follower {
        pool: pool.clone(),
        rabbitmq,
        name,
    };
    tokio::join!(follower.run(stop.clone()), windows::run(pool, stop));
}
