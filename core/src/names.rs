//! Names of exchanges, queues, routing keys, Redis keys and channels (the wire contract, §4.2 and §4.5).

use crate::ids::{JobId, RoomId, UserId};

/// Default exchange of the jobs (topic).
pub const EXCHANGE: &str = "chat.events";
/// Default exchange of the dead letters (direct).
pub const DLX_EXCHANGE: &str = "chat.dlx";
/// Default dead letter queue.
pub const DLQ: &str = "chat.events.dlq";
/// Default prefix of the high partitions, and the name of their sum in every statistic.
pub const HIGH: &str = "chat.events.high";
/// Prefix of the medium partitions, and the name of their sum in every statistic.
pub const MEDIUM: &str = "chat.events.medium";
/// The queue of typing and presence.
pub const LOW: &str = "chat.events.low";
/// Exchange and stream of the event log.
pub const EVENT_LOG: &str = "chat.events.log";
/// Default number of partitions.
pub const PARTITIONS: u16 = 8;
/// Most partitions that a cluster may have.
pub const PARTITIONS_MAX: u16 = 64;

/// AMQP header: id of the key that signed the job.
pub const HEADER_KEY_ID: &str = "x-chat-kid";
/// AMQP header: hex HMAC-SHA256 of the body.
pub const HEADER_SIGNATURE: &str = "x-chat-signature";
/// AMQP header: how often the job was tried already.
pub const HEADER_ATTEMPT: &str = "x-chat-attempt";
/// AMQP header: W3C trace context.
pub const HEADER_TRACEPARENT: &str = "traceparent";
/// AMQP header of a dead letter: why.
pub const HEADER_DEATH_REASON: &str = "x-chat-death-reason";
/// AMQP header of a dead letter: when the job was first tried (RFC 3339).
pub const HEADER_FIRST_FAILED: &str = "x-chat-first-failed-at";
/// AMQP header of a dead letter: when the job was last tried (RFC 3339).
pub const HEADER_LAST_FAILED: &str = "x-chat-last-failed-at";
/// AMQP header of a dead letter: the routing key that the job came by, for its replay.
pub const HEADER_ROUTING_KEY: &str = "x-chat-routing-key";

/// One of the three logical queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Messages and calls: partitioned, durable.
    High,
    /// Group operations and deletes: partitioned, durable.
    Medium,
    /// Typing and presence: one queue, transient.
    Low,
}

impl Queue {
    /// The logical name, the label of metrics and statistics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => HIGH,
            Self::Medium => MEDIUM,
            Self::Low => LOW,
        }
    }

    /// The routing key on the job exchange.
    pub fn routing_key(self, partition: u16) -> String {
        match self {
            Self::High => format!("high.{partition}"),
            Self::Medium => format!("medium.{partition}"),
            Self::Low => "low".to_owned(),
        }
    }
}

/// Redis channel of what a room's members hear.
pub fn fanout_room(room: RoomId) -> String {
    format!("chat:fanout:room:{room}")
}

/// Redis channel of what one user's sockets hear.
pub fn fanout_user(user: UserId) -> String {
    format!("chat:fanout:user:{user}")
}

/// Whose sockets a fan-out channel is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FanoutTarget {
    /// Those of a room's members.
    Room(RoomId),
    /// Those of one user.
    User(UserId),
}

/// Reads the name of a fan-out channel; `None` for any other.
pub fn fanout_target(channel: &str) -> Option<FanoutTarget> {
    let target = channel.strip_prefix("chat:fanout:")?;
    match target.split_once(':')? {
        ("room", id) => id.parse().ok().map(FanoutTarget::Room),
        ("user", id) => id.parse().ok().map(FanoutTarget::User),
        _ => None,
    }
}

/// Latest socket id of a user.
pub fn socket(user: UserId) -> String {
    format!("chat:socket:{user}")
}

/// All sockets of a user, `<gatewayId>:<socketId>`.
pub fn sockets(user: UserId) -> String {
    format!("chat:sockets:{user}")
}

/// Who is online, scored by the end of the lease.
pub const ONLINE_USERS: &str = "chat:online:users";

/// Members of a room.
pub fn room_members(room: RoomId) -> String {
    format!("chat:room:members:{room}")
}

/// Friends of a user.
pub fn graph_friends(user: UserId) -> String {
    format!("chat:graph:friends:{user}")
}

/// Groups of a user.
pub fn graph_groups(user: UserId) -> String {
    format!("chat:graph:groups:{user}")
}

/// Status, activity and last-seen time of a user.
pub fn presence(user: UserId) -> String {
    format!("chat:presence:{user}")
}

/// Bucket of a rate limit; `subject` is a user id or an address.
pub fn throttle(subject: &str, route: &str) -> String {
    format!("chat:throttle:{subject}:{route}")
}

/// Job id of an earlier send with the same client message id.
pub fn dedup(user: UserId, room: RoomId, client_msg_id: &str) -> String {
    format!("chat:dedup:{user}:{room}:{client_msg_id}")
}

/// Guard of a job that was already done.
pub fn job(job: JobId) -> String {
    format!("chat:job:{job}")
}

/// Who is typing in a room.
pub fn typing(room: RoomId) -> String {
    format!("chat:typing:{room}")
}

/// Ring of a room's latest messages, for resumes that need no database.
pub fn ring(room: RoomId) -> String {
    format!("chat:ring:{room}")
}

/// Live processors, scored by their last heartbeat in milliseconds.
pub const PROCESSORS: &str = "chat:processors";
