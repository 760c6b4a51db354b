//! What the entries say that tell of others: counts of a window, a row of the audit log, a notification. Ids and numbers
//! only, never content, a secret or an address.

use serde::Serialize;
use serde_json::value::to_raw_value;
use uuid::Uuid;

use super::{DomainEvent, EventType};
use crate::ids::{EventId, MessageId, RoomId, UserId};
use crate::time::Timestamp;

/// `analytics.message`: what happened to the messages of a room in a window. What was found late comes as a further
/// entry of the same window, so the entries of a window are to be summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomWindow {
    /// The room; the entry's key.
    pub room_id: RoomId,
    /// The window's start, and its end that is no part of it.
    pub from: Timestamp,
    #[expect(missing_docs, reason = "said with the start")]
    pub to: Timestamp,
    /// Messages that were stored.
    pub messages: i64,
    /// Edits.
    pub updates: i64,
    /// Deletions.
    pub deletes: i64,
    /// Read positions that moved.
    pub reads: i64,
}

/// `analytics.user.activity`: what a user did in a window; to be summed up as [`RoomWindow`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are those of the room's window")]
pub struct UserWindow {
    pub user_id: UserId,
    pub from: Timestamp,
    pub to: Timestamp,
    pub messages: i64,
    pub updates: i64,
    pub deletes: i64,
    pub reads: i64,
}

/// `audit.log`: that a row was added to the audit log. Its details and the address are for admins only, in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audited<'a> {
    /// Who did it; `None`: nobody known.
    pub actor_id: Option<UserId>,
    /// What was done.
    pub action: &'a str,
    /// To whom or what: an id, or the name of a consumer group.
    pub target: Option<&'a str>,
}

/// `notification.send`: that a user is to be notified of a message, unless they turn out to be online.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationSend {
    /// Whom; the entry's key.
    pub user_id: UserId,
    /// Of which message.
    pub room_id: RoomId,
    #[expect(missing_docs, reason = "said with the room")]
    pub message_id: MessageId,
    /// Its number in the room.
    pub seq: i64,
    /// Who wrote it.
    pub sender_id: UserId,
    /// Whether it mentions the user.
    pub mentioned: bool,
}

impl DomainEvent {
    /// A new entry that tells of others. Its id is given here, so it is stored with what it was made from.
    pub fn derived(event_type: EventType, at: Timestamp, key: Uuid, data: &impl Serialize) -> Self {
        debug_assert!(event_type.is_derived());
        let data = to_raw_value(data).expect("ids, numbers and texts always encode");
        Self::new(EventId::now_v7(), event_type, at, key, data)
    }
}
