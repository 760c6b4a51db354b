//! The objects of the canonical protocol (the wire contract, §2.1). Members that may be null are always present.

mod call;
mod invite;
mod story;

use serde::{Deserialize, Serialize};

use crate::ids::{AttachmentId, CallId, MessageId, RoomId, UserId};
use crate::limits;
use crate::time::Timestamp;

pub use call::{Call, CallMedia, CallParticipant, CallState, ParticipantState};
pub use invite::{FriendRequest, FriendRequestStatus, Invite, InviteStatus};
pub use story::{Story, StoryComment};

/// What a user may do in the whole installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum UserRole {
    /// An ordinary account.
    User,
    /// An administrator.
    Admin,
}

/// An account as others see it; `email` and `phone` only to itself and to admins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct User {
    pub id: UserId,
    #[serde(rename = "user_id")]
    pub user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    pub username: String,
    pub name: String,
    pub first_name: String,
    pub last_name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<String>,
    pub avatar_url: Option<String>,
    pub bio: String,
    pub role: UserRole,
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The short form of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct UserRef {
    pub id: UserId,
    pub username: String,
    pub name: String,
    pub avatar_url: Option<String>,
}

/// What a message carries.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum MessageType {
    #[default]
    Text,
    Image,
    File,
    Video,
    Audio,
    Call,
}

impl MessageType {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::File => "file",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Call => "call",
        }
    }

    /// The type of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Text,
            Self::Image,
            Self::File,
            Self::Video,
            Self::Audio,
            Self::Call,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
    }
}

/// How far a message got.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// Stored.
    #[default]
    Sent,
    /// Emitted to a socket of another member.
    Delivered,
    /// Read by another member.
    Read,
}

/// The message that a reply answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct ReplyRef {
    pub id: MessageId,
    pub seq: i64,
    pub sender_id: UserId,
    pub preview: String,
}

/// Where a forwarded message came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct ForwardedFrom {
    pub message_id: MessageId,
    pub room_id: RoomId,
    pub sender_id: UserId,
}

/// All reactions with one emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Reaction {
    pub emoji: String,
    pub count: i64,
    pub user_ids: Vec<UserId>,
}

/// An uploaded file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Attachment {
    pub id: AttachmentId,
    pub file_name: String,
    pub mime_type: String,
    pub size: i64,
    pub sha256: String,
    pub url: String,
    pub thumb_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub width: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub height: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ms: Option<i64>,
    pub created_at: Timestamp,
}

/// The call that a `call` message tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct CallSummary {
    pub call_id: CallId,
    pub media: String,
    pub state: String,
    pub duration_ms: Option<i64>,
}

/// A message. In preview mode `content` is absent; a tombstone has empty texts and `deletedAt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Message {
    pub id: MessageId,
    pub message_id: MessageId,
    pub room_id: RoomId,
    pub seq: i64,
    pub sender_id: UserId,
    pub client_msg_id: Option<String>,
    #[serde(rename = "type")]
    pub kind: MessageType,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content: Option<String>,
    pub preview: String,
    pub has_more: bool,
    pub reply_to: Option<ReplyRef>,
    pub thread_id: Option<MessageId>,
    pub reply_count: i64,
    pub forwarded_from: Option<ForwardedFrom>,
    pub mentions: Vec<UserId>,
    pub attachments: Vec<Attachment>,
    pub reactions: Vec<Reaction>,
    pub pinned: bool,
    pub pinned_at: Option<Timestamp>,
    pub pinned_by: Option<UserId>,
    pub edited_at: Option<Timestamp>,
    pub edit_version: i32,
    pub deleted_at: Option<Timestamp>,
    pub deleted_by: Option<UserId>,
    pub call: Option<CallSummary>,
    pub status: MessageStatus,
    pub created_at: Timestamp,
}

/// The first [`limits::PREVIEW_CHARS`] scalar values of `content`, and whether there is more.
pub fn preview(content: &str) -> (String, bool) {
    match content.char_indices().nth(limits::PREVIEW_CHARS) {
        Some((end, _)) => (content[..end].to_owned(), true),
        None => (content.to_owned(), false),
    }
}

/// Dm or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoomType {
    /// Exactly two members.
    Dm,
    /// Up to [`limits::GROUP_MEMBERS`] members.
    Group,
}

/// Who may join a group.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum JoinPolicy {
    /// By invitation.
    #[default]
    Invite,
    /// Anybody.
    Open,
    /// Anybody whom an owner or admin lets in.
    Approval,
}

/// What a member may do in a room.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum MemberRole {
    Member,
    Admin,
    Owner,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Member {
    pub user_id: UserId,
    pub username: String,
    pub name: String,
    pub avatar_url: Option<String>,
    pub role: MemberRole,
    pub joined_at: Timestamp,
    pub last_read_seq: i64,
}

/// A room as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Room {
    pub id: RoomId,
    #[serde(rename = "type")]
    pub kind: RoomType,
    pub title: Option<String>,
    pub description: Option<String>,
    pub avatar_url: Option<String>,
    pub join_policy: JoinPolicy,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_seq: i64,
    pub last_message: Option<Message>,
    pub member_count: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub members: Option<Vec<Member>>,
    pub my_role: MemberRole,
    pub unread: i64,
    pub last_read_seq: i64,
    pub muted_until: Option<Timestamp>,
    /// How long a plain member must wait between two messages; 0: not at all.
    #[serde(default)]
    pub slow_mode_seconds: u32,
}

/// Whether a user is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum PresenceStatus {
    Online,
    Away,
    Busy,
    Offline,
}

impl PresenceStatus {
    /// The name on the wire and in Redis.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }

    /// The status of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Online, Self::Away, Self::Busy, Self::Offline]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// A user's presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Presence {
    pub user_id: UserId,
    pub status: PresenceStatus,
    pub activity: Option<String>,
    pub last_seen: Option<Timestamp>,
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_counts_scalar_values_not_bytes() {
        let content = "ü".repeat(201);
        assert_eq!(preview(&content), ("ü".repeat(200), true));
        assert_eq!(preview(&"👋".repeat(200)), ("👋".repeat(200), false));
    }
}
