//! Who acts, and from where.

use std::net::IpAddr;
use std::sync::Arc;

use chat_core::ids::{JobId, RoomId, SessionId, UserId};
use chat_core::job::{Act, Job, VERSION};
use chat_core::time::Timestamp;

/// An authenticated user at one gateway. The edge fills it from a verified token, never from a payload.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The user.
    pub user_id: UserId,
    /// The session that the token belongs to, if it names one.
    pub session_id: Option<SessionId>,
    /// The socket that the act came by; `None` over REST.
    pub socket_id: Option<String>,
    /// The address that the act came from, for the audit log; `None` where it does not matter.
    pub ip: Option<IpAddr>,
    /// The gateway.
    pub gateway_id: Arc<str>,
}

impl Actor {
    /// The envelope of an act by this actor, with an id and a time of its own.
    pub fn job(&self, room_id: Option<RoomId>, act: Act) -> Job {
        Job {
            job_id: JobId::now_v7(),
            v: VERSION,
            priority: act.priority(),
            room_id,
            user_id: self.user_id,
            session_id: self.session_id,
            socket_id: self.socket_id.clone(),
            gateway_id: self.gateway_id.as_ref().to_owned(),
            created_at: Timestamp::now(),
            act,
        }
    }
}
