//! Invitations into groups and requests between users.

use serde::{Deserialize, Serialize};

use super::UserRef;
use crate::ids::{FriendRequestId, InviteId, RoomId, UserId};
use crate::time::Timestamp;

/// Where an invite stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum InviteStatus {
    Pending,
    Accepted,
    Declined,
    Expired,
}

/// An invitation of a user into a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Invite {
    pub id: InviteId,
    pub room_id: RoomId,
    pub user_id: UserId,
    pub invited_by: UserId,
    pub status: InviteStatus,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Where a friend request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum FriendRequestStatus {
    Pending,
    Accepted,
    Refused,
}

/// A request of one user to be another's friend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct FriendRequest {
    pub id: FriendRequestId,
    pub from: UserRef,
    pub to: UserRef,
    pub status: FriendRequestStatus,
    pub created_at: Timestamp,
}
