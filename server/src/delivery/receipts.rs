//! Which messages reached somebody: kept in the database for every member, told to the senders.
//!
//! Both in batches, because every message of every room comes through here. A sender with receivers on two gateways
//! may hear it twice, which is cheaper than asking who was first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_backends::postgres::receipts;
use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::protocol::objects::MessageStatus;
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use chat_processor::effects::{self, Effect, Target};
use serde::Deserialize;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How long receipts are collected.
const EVERY: Duration = Duration::from_millis(200);

/// Most receipts of one batch; what is beyond is made good by the next read position or the next message.
const MOST: usize = 20_000;

/// What a receipt needs to know of a message.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivered {
    id: MessageId,
    pub(super) room_id: RoomId,
    pub(super) seq: i64,
    pub(super) sender_id: UserId,
}

/// The receipts of the current batch.
#[derive(Default)]
pub(crate) struct Receipts {
    batch: Mutex<Batch>,
}

#[derive(Default)]
struct Batch {
    positions: HashMap<(RoomId, UserId), i64>,
    messages: Vec<(Delivered, UserId)>,
}

impl Receipts {
    /// Notes that a message was emitted to sockets of these users.
    pub(super) fn note(&self, message: Delivered, receivers: &[UserId]) {
        let Some(first) = receivers.first() else {
            return;
        };
        let mut batch = self.lock();
        if batch.messages.len() >= MOST || batch.positions.len() >= MOST {
            return;
        }
        batch.messages.push((message, *first));
        for receiver in receivers {
            let position = batch
                .positions
                .entry((message.room_id, *receiver))
                .or_default();
            *position = message.seq.max(*position);
        }
    }

    fn take(&self) -> Batch {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Batch> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works until `stop`, and once more for the last batch.
pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        flush(&app, app.receipts.take()).await;
    }
    flush(&app, app.receipts.take()).await;
}

async fn flush(app: &App, batch: Batch) {
    if batch.messages.is_empty() {
        return;
    }
    let at = Timestamp::now();
    let told: Vec<Effect> = batch
        .messages
        .iter()
        .filter_map(|(message, receiver)| {
            let event = ServerEvent::MessageStatus {
                room_id: message.room_id,
                message_id: message.id,
                seq: message.seq,
                status: MessageStatus::Delivered,
                user_id: *receiver,
                at,
            };
            Effect::new(Target::User(message.sender_id), &event).ok()
        })
        .collect();
    if let Err(error) = effects::publish(&app.context.redis, &told).await {
        tracing::warn!(%error, "senders were not told of deliveries");
    }
    let positions: Vec<(RoomId, UserId, i64)> = batch
        .positions
        .into_iter()
        .map(|((room, user), seq)| (room, user, seq))
        .collect();
    if let Err(error) = receipts::advance_delivered(&app.context.pg, &positions).await {
        tracing::warn!(%error, "deliveries were not stored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_the_farthest_position_of_each_receiver() {
        let receipts = Receipts::default();
        let (room_id, sender_id, receiver) = (RoomId::now_v7(), UserId::now_v7(), UserId::now_v7());
        for seq in [2, 3, 1] {
            let id = MessageId::now_v7();
            let message = Delivered {
                id,
                room_id,
                seq,
                sender_id,
            };
            receipts.note(message, &[receiver]);
            receipts.note(message, &[]);
        }
        let batch = receipts.take();
        assert_eq!(batch.messages.len(), 3);
        assert_eq!(batch.positions, HashMap::from([((room_id, receiver), 3)]));
        assert!(receipts.take().messages.is_empty());
    }
}
