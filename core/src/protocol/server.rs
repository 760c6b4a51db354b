//! What clients hear: one tagged enum shows all canonical server events that travel between processes.

use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;
use crate::ids::{CallId, InviteId, MessageId, RoomId, StoryId, UserId};
use crate::protocol::client::{DeleteScope, SignalKind};
use crate::protocol::objects::{
    Call, CallMedia, FriendRequest, Invite, JoinPolicy, MemberRole, Message, MessageStatus,
    Presence, Reaction, Room, RoomType, Story, StoryComment, UserRef,
};
use crate::time::Timestamp;

/// A canonical server event; `event` is its name on the wire, `data` its payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", content = "data", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "names and members are the contract's")]
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
    #[serde(rename = "message.edited")]
    MessageEdited {
        room_id: RoomId,
        message_id: MessageId,
        seq: i64,
        content: String,
        preview: String,
        has_more: bool,
        edited_at: Option<Timestamp>,
        edit_version: i32,
        message: Message,
    },
    #[serde(rename = "message.deleted")]
    MessageDeleted {
        room_id: RoomId,
        message_id: MessageId,
        seq: i64,
        scope: DeleteScope,
        deleted_by: UserId,
        deleted_at: Timestamp,
    },
    #[serde(rename = "message.pinned")]
    MessagePinned {
        room_id: RoomId,
        message_id: MessageId,
        pinned_by: UserId,
        pinned_at: Timestamp,
        message: Message,
    },
    #[serde(rename = "message.unpinned")]
    MessageUnpinned {
        room_id: RoomId,
        message_id: MessageId,
        unpinned_by: UserId,
        message: Message,
    },
    #[serde(rename = "message.reaction")]
    MessageReaction {
        room_id: RoomId,
        message_id: MessageId,
        user_id: UserId,
        emoji: String,
        action: ReactionAction,
        reactions: Vec<Reaction>,
    },
    #[serde(rename = "message.mention")]
    MessageMention {
        room_id: RoomId,
        message_id: MessageId,
        seq: i64,
        sender_id: UserId,
        preview: String,
    },
    #[serde(rename = "room.updated")]
    RoomUpdated { room: Room },
    #[serde(rename = "room.deleted")]
    RoomDeleted { room_id: RoomId, deleted_by: UserId },
    #[serde(rename = "room.member.left")]
    MemberLeft {
        room_id: RoomId,
        user_id: UserId,
        reason: LeftReason,
        by: UserId,
    },
    #[serde(rename = "room.member.role")]
    MemberRoleChanged {
        room_id: RoomId,
        user_id: UserId,
        role: MemberRole,
        by: UserId,
    },
    #[serde(rename = "room.invited")]
    RoomInvited { invite: Invite, room: RoomSummary },
    #[serde(rename = "room.join.requested")]
    JoinRequested {
        room_id: RoomId,
        user_id: UserId,
        request_id: InviteId,
    },
    #[serde(rename = "friend.requested")]
    FriendRequested { request: FriendRequest },
    #[serde(rename = "friend.accepted")]
    FriendAccepted { request: FriendRequest },
    #[serde(rename = "friend.refused")]
    FriendRefused { request: FriendRequest },
    #[serde(rename = "friend.cancelled")]
    FriendCancelled { request: FriendRequest },
    #[serde(rename = "friend.removed")]
    FriendRemoved { user_id: UserId },
    #[serde(rename = "block.changed")]
    BlockChanged { user_id: UserId, blocked: bool },
    #[serde(rename = "call.ringing")]
    CallRinging {
        call_id: CallId,
        room_id: RoomId,
        media: CallMedia,
        from: UserRef,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        sdp: Option<String>,
        expires_at: Timestamp,
    },
    #[serde(rename = "call.answered")]
    CallAnswered {
        call_id: CallId,
        room_id: RoomId,
        by: UserId,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        sdp: Option<String>,
        call: Call,
    },
    #[serde(rename = "call.refused")]
    CallRefused {
        call_id: CallId,
        room_id: RoomId,
        by: UserId,
        call: Call,
    },
    #[serde(rename = "call.closed")]
    CallClosed {
        call_id: CallId,
        room_id: RoomId,
        by: UserId,
        call: Call,
    },
    #[serde(rename = "call.unavailable")]
    CallUnavailable {
        call_id: CallId,
        room_id: RoomId,
        reason: UnavailableReason,
    },
    #[serde(rename = "call.state")]
    CallStateChanged {
        call_id: CallId,
        state: String,
        call: Call,
    },
    #[serde(rename = "call.signal")]
    CallSignal {
        call_id: CallId,
        from_user_id: UserId,
        kind: SignalKind,
        data: serde_json::Value,
    },
    #[serde(rename = "story.created")]
    StoryCreated { story: Story },
    #[serde(rename = "story.deleted")]
    StoryDeleted { story_id: StoryId, user_id: UserId },
    #[serde(rename = "story.expired")]
    StoryExpired { story_id: StoryId, user_id: UserId },
    #[serde(rename = "story.viewed")]
    StoryViewed {
        story_id: StoryId,
        user_id: UserId,
        at: Timestamp,
    },
    #[serde(rename = "story.liked")]
    StoryLiked {
        story_id: StoryId,
        user_id: UserId,
        at: Timestamp,
    },
    #[serde(rename = "story.commented")]
    StoryCommented {
        story_id: StoryId,
        user_id: UserId,
        at: Timestamp,
        comment: StoryComment,
    },
    #[serde(rename = "draft.updated")]
    DraftUpdated {
        room_id: RoomId,
        content: String,
        updated_at: Timestamp,
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

/// What happened to a reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ReactionAction {
    Added,
    Removed,
}

/// Why somebody is no longer a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum LeftReason {
    Left,
    Kicked,
    Banned,
}

/// Why a call reached nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum UnavailableReason {
    Offline,
    Busy,
}

/// A room as somebody sees it who is not a member yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomSummary {
    pub id: RoomId,
    #[serde(rename = "type")]
    pub kind: RoomType,
    pub title: Option<String>,
    pub description: Option<String>,
    pub avatar_url: Option<String>,
    pub join_policy: JoinPolicy,
    pub member_count: i64,
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
            Self::MessageEdited { .. } => "message.edited",
            Self::MessageDeleted { .. } => "message.deleted",
            Self::MessagePinned { .. } => "message.pinned",
            Self::MessageUnpinned { .. } => "message.unpinned",
            Self::MessageReaction { .. } => "message.reaction",
            Self::MessageMention { .. } => "message.mention",
            Self::RoomUpdated { .. } => "room.updated",
            Self::RoomDeleted { .. } => "room.deleted",
            Self::MemberLeft { .. } => "room.member.left",
            Self::MemberRoleChanged { .. } => "room.member.role",
            Self::RoomInvited { .. } => "room.invited",
            Self::JoinRequested { .. } => "room.join.requested",
            Self::FriendRequested { .. } => "friend.requested",
            Self::FriendAccepted { .. } => "friend.accepted",
            Self::FriendRefused { .. } => "friend.refused",
            Self::FriendCancelled { .. } => "friend.cancelled",
            Self::FriendRemoved { .. } => "friend.removed",
            Self::BlockChanged { .. } => "block.changed",
            Self::CallRinging { .. } => "call.ringing",
            Self::CallAnswered { .. } => "call.answered",
            Self::CallRefused { .. } => "call.refused",
            Self::CallClosed { .. } => "call.closed",
            Self::CallUnavailable { .. } => "call.unavailable",
            Self::CallStateChanged { .. } => "call.state",
            Self::CallSignal { .. } => "call.signal",
            Self::StoryCreated { .. } => "story.created",
            Self::StoryDeleted { .. } => "story.deleted",
            Self::StoryExpired { .. } => "story.expired",
            Self::StoryViewed { .. } => "story.viewed",
            Self::StoryLiked { .. } => "story.liked",
            Self::StoryCommented { .. } => "story.commented",
            Self::DraftUpdated { .. } => "draft.updated",
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
