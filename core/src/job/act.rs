//! The acts that jobs carry: each with its name, its logical queue and its priority (the wire contract, §2.3).

use serde::{Deserialize, Serialize};

use crate::ids::{AttachmentId, CallId, FriendRequestId, InviteId, MessageId, StoryId, UserId};
use crate::names::Queue;
use crate::protocol::client::{DeleteScope, RoomChange};
use crate::protocol::objects::{CallMedia, ForwardedFrom, MemberRole, MessageType, PresenceStatus};

/// What is to be done; `type` and `payload` on the wire. Whatever it names was checked when the act was taken in, and may
/// be gone or changed when it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub enum Act {
    /// Store a message and give it the room's next number.
    #[serde(rename = "message.send")]
    SendMessage(SendMessage),
    /// Give a message another content, sanitised already.
    #[serde(rename = "message.edit")]
    EditMessage {
        message_id: MessageId,
        content: String,
    },
    /// Leave only a message's place, for all or for the actor.
    #[serde(rename = "message.delete")]
    DeleteMessage {
        message_id: MessageId,
        scope: DeleteScope,
    },
    /// Keep a message at hand.
    #[serde(rename = "message.pin")]
    PinMessage { message_id: MessageId },
    /// Keep it at hand no longer.
    #[serde(rename = "message.unpin")]
    UnpinMessage { message_id: MessageId },
    /// Add the actor's reaction, or take it away.
    #[serde(rename = "message.react")]
    React {
        message_id: MessageId,
        emoji: String,
        remove: bool,
    },
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
    /// Invite users, or make them members at once.
    #[serde(rename = "room.invite")]
    InviteMembers {
        /// The ids that the invites get.
        invites: Vec<(InviteId, UserId)>,
        /// Members at once, without being asked.
        direct: bool,
    },
    /// Say no to an invite.
    #[serde(rename = "room.invite.decline")]
    DeclineInvite { invite_id: InviteId },
    /// Become a member, or ask for it where a room's owner and admins decide.
    #[serde(rename = "room.join")]
    JoinRoom {
        /// The invite that is accepted.
        invite_id: Option<InviteId>,
        /// The id of the request, where the room asks for one.
        request_id: Option<InviteId>,
    },
    /// Stop being a member.
    #[serde(rename = "room.leave")]
    LeaveRoom {},
    /// Take a member out.
    #[serde(rename = "room.kick")]
    KickMember {
        user_id: UserId,
        /// Whether they may not come back.
        #[serde(default)]
        banned: bool,
    },
    /// Give a member another role; `owner` hands the room over.
    #[serde(rename = "room.role")]
    ChangeRole { user_id: UserId, role: MemberRole },
    /// Change what a room shows of itself.
    #[serde(rename = "room.update")]
    UpdateRoom(RoomChange),
    /// Delete a room.
    #[serde(rename = "room.delete")]
    DeleteRoom {},
    /// Ask for friendship.
    #[serde(rename = "friend.request")]
    RequestFriend {
        request_id: FriendRequestId,
        user_id: UserId,
    },
    /// Say yes.
    #[serde(rename = "friend.accept")]
    AcceptFriend { request_id: FriendRequestId },
    /// Say no.
    #[serde(rename = "friend.refuse")]
    RefuseFriend { request_id: FriendRequestId },
    /// Take the own request back.
    #[serde(rename = "friend.cancel")]
    CancelFriend { request_id: FriendRequestId },
    /// End a friendship.
    #[serde(rename = "friend.remove")]
    RemoveFriend { user_id: UserId },
    /// Block a user.
    #[serde(rename = "block.add")]
    Block { user_id: UserId },
    /// Block a user no longer.
    #[serde(rename = "block.remove")]
    Unblock { user_id: UserId },
    /// Ring the other members of a room.
    #[serde(rename = "call.initiate")]
    InitiateCall {
        call_id: CallId,
        media: CallMedia,
        sdp: Option<String>,
    },
    /// Note that the actor has seen a story.
    #[serde(rename = "story.view")]
    ViewStory { story_id: StoryId },
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
            Self::EditMessage { .. } => "message.edit",
            Self::DeleteMessage { .. } => "message.delete",
            Self::PinMessage { .. } => "message.pin",
            Self::UnpinMessage { .. } => "message.unpin",
            Self::React { .. } => "message.react",
            Self::Typing { .. } => "typing",
            Self::SetPresence { .. } => "presence.set",
            Self::AnnounceRoom {} => "room.created",
            Self::InviteMembers { .. } => "room.invite",
            Self::DeclineInvite { .. } => "room.invite.decline",
            Self::JoinRoom { .. } => "room.join",
            Self::LeaveRoom {} => "room.leave",
            Self::KickMember { .. } => "room.kick",
            Self::ChangeRole { .. } => "room.role",
            Self::UpdateRoom(_) => "room.update",
            Self::DeleteRoom {} => "room.delete",
            Self::RequestFriend { .. } => "friend.request",
            Self::AcceptFriend { .. } => "friend.accept",
            Self::RefuseFriend { .. } => "friend.refuse",
            Self::CancelFriend { .. } => "friend.cancel",
            Self::RemoveFriend { .. } => "friend.remove",
            Self::Block { .. } => "block.add",
            Self::Unblock { .. } => "block.remove",
            Self::InitiateCall { .. } => "call.initiate",
            Self::ViewStory { .. } => "story.view",
        }
    }

    /// The logical queue.
    pub const fn queue(&self) -> Queue {
        match self {
            Self::Typing { .. } | Self::SetPresence { .. } => Queue::Low,
            Self::SendMessage(_)
            | Self::EditMessage { .. }
            | Self::PinMessage { .. }
            | Self::UnpinMessage { .. }
            | Self::React { .. }
            | Self::InitiateCall { .. } => Queue::High,
            Self::DeleteMessage { .. }
            | Self::AnnounceRoom {}
            | Self::InviteMembers { .. }
            | Self::DeclineInvite { .. }
            | Self::JoinRoom { .. }
            | Self::LeaveRoom {}
            | Self::KickMember { .. }
            | Self::ChangeRole { .. }
            | Self::UpdateRoom(_)
            | Self::DeleteRoom {}
            | Self::RequestFriend { .. }
            | Self::AcceptFriend { .. }
            | Self::RefuseFriend { .. }
            | Self::CancelFriend { .. }
            | Self::RemoveFriend { .. }
            | Self::Block { .. }
            | Self::Unblock { .. }
            | Self::ViewStory { .. } => Queue::Medium,
        }
    }

    /// The AMQP priority.
    pub const fn priority(&self) -> u8 {
        match self {
            Self::InitiateCall { .. } => 10,
            Self::SendMessage(_) => 9,
            Self::SetPresence { .. } => 3,
            Self::Typing { .. } => 1,
            _ => match self.queue() {
                Queue::High => 8,
                Queue::Medium | Queue::Low => 5,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_tagged_with_its_name() {
        let act = Act::React {
            message_id: MessageId::now_v7(),
            emoji: "👍".to_owned(),
            remove: false,
        };
        let json = serde_json::to_value(&act).unwrap();
        assert_eq!(json["type"], act.name());
        assert_eq!(json["payload"]["emoji"], "👍");
        assert_eq!((act.queue(), act.priority()), (Queue::High, 8));
    }

    #[test]
    fn group_operations_and_deletes_wait_in_the_medium_queue() {
        let delete = Act::DeleteMessage {
            message_id: MessageId::now_v7(),
            scope: DeleteScope::All,
        };
        for act in [delete, Act::LeaveRoom {}, Act::DeleteRoom {}] {
            assert_eq!((act.queue(), act.priority()), (Queue::Medium, 5), "{act:?}");
        }
    }
}
