//! What clients do with rooms that exist, and with who is in them.

use serde::{Deserialize, Serialize};

use crate::ids::{InviteId, RoomId, UserId};
use crate::protocol::objects::{JoinPolicy, MemberRole};
use crate::time::Timestamp;

/// `room.leave` and `room.delete`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomRef {
    pub room_id: RoomId,
}

/// What a room shows of itself; what is left out stays as it is, an empty text takes the value away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomChange {
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub avatar_url: Option<String>,
    #[serde(default)]
    pub join_policy: Option<JoinPolicy>,
    #[serde(default)]
    pub slow_mode_seconds: Option<u32>,
}

/// `room.update`; over REST the room comes from the path.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomUpdate {
    pub room_id: RoomId,
    #[serde(flatten)]
    pub change: RoomChange,
}

/// `room.invite`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomInvite {
    pub room_id: RoomId,
    pub user_ids: Vec<UserId>,
    #[serde(default)]
    pub direct: bool,
}

/// `POST /invites/:id/accept` and `/decline`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct InviteAnswer {
    pub invite_id: InviteId,
}

/// `room.join`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomJoin {
    pub room_id: RoomId,
    #[serde(default)]
    pub invite_id: Option<InviteId>,
}

/// `room.kick`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomKick {
    pub room_id: RoomId,
    pub user_id: UserId,
}

/// `room.role`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomRole {
    pub room_id: RoomId,
    pub user_id: UserId,
    pub role: MemberRole,
}

/// `room.mute`: the own notifications.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RoomMute {
    pub room_id: RoomId,
    #[serde(default)]
    pub until: Option<Timestamp>,
}
