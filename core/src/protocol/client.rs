//! What clients send: the payloads of socket events and REST bodies. Unknown members are ignored.

mod call;
mod message;
mod people;
mod room;

use serde::Deserialize;

use crate::ids::{AttachmentId, MessageId, RoomId, UserId};
use crate::protocol::objects::{JoinPolicy, MessageType, PresenceStatus, RoomType};

pub use call::{CallAnswer, CallClose, CallInitiate, CallRefuse, CallSignal, SignalKind};
pub use message::{
    DeleteScope, MessageDelete, MessageEdit, MessageForward, MessagePin, MessageReact, Thread,
};
pub use people::{
    BlockUser, DmPolicy, FriendAnswer, FriendRemove, FriendRequest, PasswordChange, ProfileUpdate,
    Report, ReportTarget, StoryComment, StoryCreate, StoryRef,
};
pub use room::{
    InviteAnswer, RoomChange, RoomInvite, RoomJoin, RoomKick, RoomMute, RoomRef, RoomRole,
    RoomUpdate,
};

/// `message.send`; over REST the room comes from the path.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct MessageSend {
    pub room_id: RoomId,
    #[serde(default)]
    pub content: Option<String>,
    #[serde(default)]
    pub client_msg_id: Option<String>,
    #[serde(rename = "type", default)]
    pub kind: Option<MessageType>,
    #[serde(default)]
    pub reply_to: Option<MessageId>,
    #[serde(default)]
    pub thread_id: Option<MessageId>,
    #[serde(default)]
    pub mentions: Vec<UserId>,
    #[serde(default)]
    pub attachments: Vec<AttachmentId>,
}

/// `message.history`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct MessageHistory {
    pub room_id: RoomId,
    #[serde(default)]
    pub after_seq: Option<i64>,
    #[serde(default)]
    pub before_seq: Option<i64>,
    #[serde(default)]
    pub limit: Option<i64>,
    #[serde(default)]
    pub fields: Option<String>,
}

/// `message.read`: by position or by message.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct MessageRead {
    #[serde(default)]
    pub room_id: Option<RoomId>,
    #[serde(default)]
    pub seq: Option<i64>,
    #[serde(default)]
    pub message_id: Option<MessageId>,
}

/// `typing.start` and `typing.stop`.
#[derive(Debug, Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Typing {
    pub room_id: RoomId,
}

/// `presence.set`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct PresenceSet {
    pub status: PresenceStatus,
    #[serde(default)]
    pub activity: Option<String>,
}

/// `presence.subscribe`, `presence.unsubscribe`, `presence.get`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct PresenceUsers {
    pub user_ids: Vec<UserId>,
}

/// `room.create`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomCreate {
    #[serde(rename = "type")]
    pub kind: RoomType,
    /// Kept as text: the size of a group is checked before any id is parsed or looked up.
    pub member_ids: Vec<String>,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub avatar_url: Option<String>,
    #[serde(default)]
    pub join_policy: Option<JoinPolicy>,
}

/// One room of `session.resume`.
#[derive(Debug, Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct ResumeRoom {
    pub room_id: RoomId,
    pub last_seq: i64,
}

/// `session.resume`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct SessionResume {
    pub rooms: Vec<ResumeRoom>,
}

/// `session.refresh`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct SessionRefresh {
    pub token: String,
}
