//! Calls: their state is kept, their media never passes the server.

use serde::{Deserialize, Serialize};

use crate::ids::{CallId, RoomId, UserId};
use crate::time::Timestamp;

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum CallMedia {
    Audio,
    Video,
}

/// `ringing → ongoing → ended`, or `ringing →` one of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum CallState {
    Ringing,
    Ongoing,
    Ended,
    Refused,
    Missed,
    Cancelled,
    Unavailable,
}

impl CallState {
    /// Whether the call still rings or goes on.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Ringing | Self::Ongoing)
    }
}

/// Where one participant of a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ParticipantState {
    Ringing,
    Joined,
    Refused,
    Left,
}

/// One participant of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct CallParticipant {
    pub user_id: UserId,
    pub state: ParticipantState,
    pub joined_at: Option<Timestamp>,
    pub left_at: Option<Timestamp>,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Call {
    pub id: CallId,
    pub room_id: RoomId,
    pub media: CallMedia,
    pub state: CallState,
    pub caller_id: UserId,
    pub participants: Vec<CallParticipant>,
    pub created_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<String>,
    pub duration_ms: Option<i64>,
}
