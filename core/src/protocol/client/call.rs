//! What clients do with calls.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{CallId, RoomId, UserId};
use crate::protocol::objects::CallMedia;

/// `call.initiate`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct CallInitiate {
    pub room_id: RoomId,
    pub media: CallMedia,
    #[serde(default)]
    pub sdp: Option<String>,
}

/// `call.answer`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct CallAnswer {
    pub call_id: CallId,
    #[serde(default)]
    pub sdp: Option<String>,
}

/// `call.refuse`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct CallRefuse {
    pub call_id: CallId,
    #[serde(default)]
    pub reason: Option<String>,
}

/// `call.close`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct CallClose {
    pub call_id: CallId,
}

/// What a signal carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum SignalKind {
    Offer,
    Answer,
    Ice,
}

/// `call.signal`; `data` is passed on as it came.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct CallSignal {
    pub call_id: CallId,
    pub kind: SignalKind,
    #[schemars(with = "serde_json::Value")]
    pub data: Box<RawValue>,
    #[serde(default)]
    pub to_user_id: Option<UserId>,
}
