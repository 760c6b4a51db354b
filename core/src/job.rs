//! The job envelope: everything that travels over the job queues (the wire contract, §4.3).

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, RoomId, SessionId, UserId};
use crate::time::Timestamp;

mod act;

pub use act::{Act, SendMessage};

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
    use crate::ids::MessageId;
    use crate::protocol::objects::MessageType;

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
