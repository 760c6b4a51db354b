//! The event log's entries: what was committed, for whoever wants to follow it (the wire contract, §4.4).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::ids::EventId;
use crate::time::Timestamp;

pub mod derived;

/// Version of the entries' shape.
pub const VERSION: &str = "1.0.0";

/// One committed act.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainEvent {
    /// The same for the same act, however often it is appended: consumers count it once.
    pub event_id: EventId,
    /// What happened; also the routing key.
    pub event_type: EventType,
    /// When, in Unix milliseconds.
    #[serde(rename = "timestamp")]
    pub timestamp_ms: i64,
    /// Version of the shape.
    pub version: String,
    /// The room or the user that it belongs to.
    pub key: Uuid,
    /// The particulars.
    pub data: Box<RawValue>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum EventType {
    #[serde(rename = "message.created")]
    MessageCreated,
    #[serde(rename = "message.updated")]
    MessageUpdated,
    #[serde(rename = "message.deleted")]
    MessageDeleted,
    #[serde(rename = "message.pinned")]
    MessagePinned,
    #[serde(rename = "message.unpinned")]
    MessageUnpinned,
    #[serde(rename = "message.forwarded")]
    MessageForwarded,
    #[serde(rename = "message.read")]
    MessageRead,
    #[serde(rename = "chat.created")]
    ChatCreated,
    #[serde(rename = "chat.updated")]
    ChatUpdated,
    #[serde(rename = "chat.deleted")]
    ChatDeleted,
    #[serde(rename = "user.joined.chat")]
    UserJoinedChat,
    #[serde(rename = "user.left.chat")]
    UserLeftChat,
    #[serde(rename = "user.online")]
    UserOnline,
    #[serde(rename = "user.offline")]
    UserOffline,
    #[serde(rename = "user.typing")]
    UserTyping,
    #[serde(rename = "analytics.message")]
    AnalyticsMessage,
    #[serde(rename = "analytics.user.activity")]
    AnalyticsUserActivity,
    #[serde(rename = "audit.log")]
    AuditLog,
    #[serde(rename = "notification.send")]
    NotificationSend,
}

impl EventType {
    /// The name on the wire, the routing key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessageCreated => "message.created",
            Self::MessageUpdated => "message.updated",
            Self::MessageDeleted => "message.deleted",
            Self::MessagePinned => "message.pinned",
            Self::MessageUnpinned => "message.unpinned",
            Self::MessageForwarded => "message.forwarded",
            Self::MessageRead => "message.read",
            Self::ChatCreated => "chat.created",
            Self::ChatUpdated => "chat.updated",
            Self::ChatDeleted => "chat.deleted",
            Self::UserJoinedChat => "user.joined.chat",
            Self::UserLeftChat => "user.left.chat",
            Self::UserOnline => "user.online",
            Self::UserOffline => "user.offline",
            Self::UserTyping => "user.typing",
            Self::AnalyticsMessage => "analytics.message",
            Self::AnalyticsUserActivity => "analytics.user.activity",
            Self::AuditLog => "audit.log",
            Self::NotificationSend => "notification.send",
        }
    }

    /// Whether such an entry tells of others instead of an act. Nothing is ever derived from it, so the log comes to rest.
    pub const fn is_derived(self) -> bool {
        matches!(
            self,
            Self::AnalyticsMessage
                | Self::AnalyticsUserActivity
                | Self::AuditLog
                | Self::NotificationSend
        )
    }
}

impl DomainEvent {
    /// An event of this version.
    pub fn new(
        event_id: EventId,
        event_type: EventType,
        at: Timestamp,
        key: Uuid,
        data: Box<RawValue>,
    ) -> Self {
        Self {
            event_id,
            event_type,
            timestamp_ms: at.unix_millis(),
            version: VERSION.to_owned(),
            key,
            data,
        }
    }

    /// As it goes into the log.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("texts and raw JSON always encode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_the_contract_says() {
        let at = Timestamp::from_unix_millis(1_771_070_400_123).unwrap();
        let data = RawValue::from_string(r#"{"seq":1}"#.to_owned()).unwrap();
        let id = EventId::now_v7();
        let key = Uuid::now_v7();
        let event = DomainEvent::new(id, EventType::UserJoinedChat, at, key, data);
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "eventId": id, "eventType": event.event_type.as_str(), "timestamp": 1_771_070_400_123_i64,
                "version": "1.0.0", "key": key, "data": {"seq": 1}
            })
        );
    }
}
