//! What clients hear: one tagged enum shows all canonical server events that travel between processes.

use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;
use crate::ids::{MessageId, RoomId, UserId};
use crate::protocol::objects::{MemberRole, Message, MessageStatus, Presence, Room};
use crate::time::Timestamp;

/// A canonical server event; `event` is its name on the wire, `data` its payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "names and members are the contract's")]
#[expect(
    clippy::large_enum_variant,
    reason = "events are built one at a time and serialised at once"
)]
pub enum ServerEvent {
    #[serde(rename = "message.delivered")]
    MessageDelivered(Message),
    #[serde(rename = "message.failed")]
    MessageFailed {
        room_id: RoomId,
        client_msg_id: Option<String>,
        code: ErrorCode,
        message: String,
    },
    #[serde(rename = "message.read")]
    MessageRead {
        room_id: RoomId,
        user_id: UserId,
        seq: i64,
        message_id: Option<MessageId>,
        read_at: Timestamp,
    },
    #[serde(rename = "message.status")]
    MessageStatus {
        room_id: RoomId,
        message_id: MessageId,
        seq: i64,
        status: MessageStatus,
        user_id: UserId,
        at: Timestamp,
    },
    #[serde(rename = "typing.update")]
    TypingUpdate {
        room_id: RoomId,
        user_id: UserId,
        is_typing: bool,
        expires_at: Timestamp,
    },
    #[serde(rename = "presence.update")]
    PresenceUpdate(Presence),
    #[serde(rename = "room.created")]
    RoomCreated { room: Room },
    #[serde(rename = "room.member.joined")]
    MemberJoined {
        room_id: RoomId,
        user_id: UserId,
        role: MemberRole,
        by: UserId,
    },
    #[serde(rename = "resync")]
    Resync {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        room_id: Option<RoomId>,
        reason: String,
    },
    #[serde(rename = "session.revoked")]
    SessionRevoked { session_id: crate::ids::SessionId },
}

impl ServerEvent {
    /// The event's name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MessageDelivered(_) => "message.delivered",
            Self::MessageFailed { .. } => "message.failed",
            Self::MessageRead { .. } => "message.read",
            Self::MessageStatus { .. } => "message.status",
            Self::TypingUpdate { .. } => "typing.update",
            Self::PresenceUpdate(_) => "presence.update",
            Self::RoomCreated { .. } => "room.created",
            Self::MemberJoined { .. } => "room.member.joined",
            Self::Resync { .. } => "resync",
            Self::SessionRevoked { .. } => "session.revoked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_name_and_its_data() {
        let event = ServerEvent::TypingUpdate {
            room_id: RoomId::now_v7(),
            user_id: UserId::now_v7(),
            is_typing: true,
            expires_at: Timestamp::now(),
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["event"], event.name());
        assert_eq!(json["data"]["isTyping"], true);
    }
}
