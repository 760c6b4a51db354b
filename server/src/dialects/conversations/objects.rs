//! What this dialect calls the canonical objects.

use chat_core::ids::{InviteId, MessageId, RoomId, UserId};
use chat_core::protocol::objects::{
    Invite, InviteStatus, Member, MemberRole, Message, Room, RoomType,
};
use chat_core::time::Timestamp;
use serde::Serialize;

/// A room.
#[derive(Debug, Serialize)]
pub(super) struct Conversation {
    conversation_id: RoomId,
    id: RoomId,
    r#type: &'static str,
    title: Option<String>,
    created_by: UserId,
    created_at: Timestamp,
    last_seq: i64,
    last_message_id: Option<MessageId>,
    last_message_at: Option<Timestamp>,
    last_preview: Option<String>,
    last_has_more: bool,
    unread_count: i64,
    member_count: i64,
}

impl From<Room> for Conversation {
    fn from(room: Room) -> Self {
        let last = room.last_message;
        Self {
            conversation_id: room.id,
            id: room.id,
            r#type: match room.kind {
                RoomType::Dm => "DM",
                RoomType::Group => "GROUP",
            },
            title: room.title,
            created_by: room.created_by,
            created_at: room.created_at,
            last_seq: room.last_seq,
            last_message_id: last.as_ref().map(|message| message.id),
            last_message_at: last.as_ref().map(|message| message.created_at),
            last_has_more: last.as_ref().is_some_and(|message| message.has_more),
            last_preview: last.map(|message| message.preview),
            unread_count: room.unread,
            member_count: room.member_count,
        }
    }
}

/// A member of a room.
#[derive(Debug, Serialize)]
pub(super) struct Participant {
    user_id: UserId,
    username: String,
    role: &'static str,
    joined_at: Timestamp,
}

impl From<Member> for Participant {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user_id,
            username: member.username,
            role: match member.role {
                MemberRole::Owner | MemberRole::Admin => "ADMIN",
                MemberRole::Member => "MEMBER",
            },
            joined_at: member.joined_at,
        }
    }
}

/// An invitation.
#[derive(Debug, Serialize)]
pub(super) struct Invitation {
    invite_id: InviteId,
    conversation_id: RoomId,
    invited_user_id: UserId,
    invited_by: UserId,
    status: &'static str,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl From<Invite> for Invitation {
    fn from(invite: Invite) -> Self {
        Self {
            invite_id: invite.id,
            conversation_id: invite.room_id,
            invited_user_id: invite.user_id,
            invited_by: invite.invited_by,
            status: match invite.status {
                InviteStatus::Pending => "PENDING",
                InviteStatus::Accepted => "ACCEPTED",
                InviteStatus::Declined => "DECLINED",
                InviteStatus::Expired => "EXPIRED",
            },
            created_at: invite.created_at,
            expires_at: invite.expires_at,
        }
    }
}

/// A message; the event `message:new` is the same without `body`.
#[derive(Debug, Serialize)]
pub(super) struct ConversationMessage {
    pub(super) conversation_id: RoomId,
    pub(super) message_id: MessageId,
    /// `None` only for a send that is not committed yet.
    pub(super) seq: Option<i64>,
    pub(super) sender_id: UserId,
    pub(super) created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    pub(super) preview: String,
    pub(super) has_more: bool,
}

impl From<Message> for ConversationMessage {
    fn from(message: Message) -> Self {
        Self {
            conversation_id: message.room_id,
            message_id: message.id,
            seq: Some(message.seq),
            sender_id: message.sender_id,
            created_at: message.created_at,
            body: message.content,
            preview: message.preview,
            has_more: message.has_more,
        }
    }
}
