//! The job envelope: everything that travels over the job queues (the wire contract, §4.3).

use serde::{Deserialize, Serialize};

use crate::ids::{AttachmentId, JobId, MessageId, RoomId, SessionId, UserId};
use crate::names::Queue;
use crate::protocol::objects::{ForwardedFrom, MessageType, PresenceStatus};
use crate::time::Timestamp;

/// Version of the envelope; a worker dead-letters what it does not know.
pub const VERSION: u8 = 1;

/// One unit of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Id of the job; with the room it is done at most once.
    pub job_id: JobId,
    /// Version of the envelope.
    pub v: u8,
    /// AMQP priority.
    pub priority: u8,
    /// The room that the act belongs to; `None` for acts on the user alone.
    pub room_id: Option<RoomId>,
    /// Who acts.
    pub user_id: UserId,
    /// The session that the act came from.
    pub session_id: Option<SessionId>,
    /// The socket that the act came from; `None` for REST.
    pub socket_id: Option<String>,
    /// The gateway that took the act in.
    pub gateway_id: String,
    /// When the gateway took the act in.
    pub created_at: Timestamp,
    /// What is to be done.
    #[serde(flatten)]
    pub act: Act,
}

/// What is to be done; `type` and `payload` on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload", rename_all_fields = "camelCase")]
pub enum Act {
    /// Store a message and give it the room's next number.
    #[serde(rename = "message.send")]
    SendMessage(SendMessage),
    /// Tell a room that somebody types, or stopped.
    #[serde(rename = "typing")]
    Typing {
        /// Started or stopped.
        is_typing: bool,
    },
    /// Tell a user's contacts the user's presence.
    #[serde(rename = "presence.set")]
    SetPresence {
        /// The new status.
        status: PresenceStatus,
        /// What the user is doing, in the user's own words.
        activity: Option<String>,
        /// Whether the user chose it (`presence.set`) or a socket came or went.
        chosen: bool,
    },
    /// Tell the members of a new room.
    #[serde(rename = "room.created")]
    AnnounceRoom {},
}

/// A message to store: checked and sanitised already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    /// The final id of the message, unless an earlier send with the same client message id won.
    pub message_id: MessageId,
    /// The client's id of the send, given or generated.
    pub client_msg_id: String,
    /// Kind of message.
    pub kind: MessageType,
    /// Sanitised content; empty only with attachments.
    pub content: String,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// The first message of the thread that this one belongs to.
    pub thread_id: Option<MessageId>,
    /// Members that are mentioned.
    pub mentions: Vec<UserId>,
    /// Files of the sender.
    pub attachments: Vec<AttachmentId>,
    /// Where a forwarded message came from.
    pub forwarded_from: Option<ForwardedFrom>,
}

impl Act {
    /// The name on the wire, the label of metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SendMessage(_) => "message.send",
            Self::Typing { .. } => "typing",
            Self::SetPresence { .. } => "presence.set",
            Self::AnnounceRoom {} => "room.created",
        }
    }

    /// The logical queue.
    pub const fn queue(&self) -> Queue {
        match self {
            Self::SendMessage(_) => Queue::High,
            Self::AnnounceRoom {} => Queue::Medium,
            Self::Typing { .. } | Self::SetPresence { .. } => Queue::Low,
        }
    }

    /// The AMQP priority.
    pub const fn priority(&self) -> u8 {
        match self {
            Self::SendMessage(_) => 9,
            Self::AnnounceRoom {} => 5,
            Self::SetPresence { .. } => 3,
            Self::Typing { .. } => 1,
        }
    }
}

impl Job {
    /// What the partition is chosen by: the room, or the user for acts without a room.
    pub fn lane(&self) -> uuid::Uuid {
        self.room_id
            .map_or_else(|| self.user_id.uuid(), crate::ids::Id::uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_reads_as_the_contract_says() {
        let job = Job {
            job_id: JobId::now_v7(),
            v: VERSION,
            priority: 9,
            room_id: Some(RoomId::now_v7()),
            user_id: UserId::now_v7(),
            session_id: None,
            socket_id: Some("s1".into()),
            gateway_id: "gateway-0".into(),
            created_at: Timestamp::now(),
            act: Act::SendMessage(SendMessage {
                message_id: MessageId::now_v7(),
                client_msg_id: "tmp-123".into(),
                kind: MessageType::Text,
                content: "Hello 👋".into(),
                reply_to: None,
                thread_id: None,
                mentions: vec![],
                attachments: vec![],
                forwarded_from: None,
            }),
        };
        let json = serde_json::to_value(&job).unwrap();
        assert_eq!(json["type"], job.act.name());
        assert_eq!(json["payload"]["clientMsgId"], "tmp-123");
        for member in [
            "jobId",
            "v",
            "priority",
            "roomId",
            "userId",
            "sessionId",
            "socketId",
            "gatewayId",
            "createdAt",
        ] {
            assert!(json.get(member).is_some(), "{member} is missing");
        }
        assert_eq!(serde_json::from_value::<Job>(json).unwrap(), job);
    }
}
