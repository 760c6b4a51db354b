//! What clients do with messages that exist.

use serde::{Deserialize, Serialize};

use crate::ids::{MessageId, RoomId};

/// For whom a message is deleted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum DeleteScope {
    Me,
    #[default]
    All,
}

/// `message.edit`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct MessageEdit {
    pub message_id: MessageId,
    pub content: String,
}

/// `message.delete`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct MessageDelete {
    pub message_id: MessageId,
    #[serde(default)]
    pub scope: DeleteScope,
}

/// `message.pin` and `message.unpin`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct MessagePin {
    pub message_id: MessageId,
}

/// `message.react`; over REST the message and the emoji come from the path.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct MessageReact {
    pub message_id: MessageId,
    pub emoji: String,
    #[serde(default)]
    pub remove: bool,
}

/// `message.forward`; over REST the message comes from the path.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct MessageForward {
    pub message_ids: Vec<MessageId>,
    pub room_ids: Vec<RoomId>,
    #[serde(default)]
    pub comment: Option<String>,
}

/// `GET /messages/:id/thread`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Thread {
    pub message_id: MessageId,
    #[serde(default)]
    pub after_seq: Option<i64>,
    #[serde(default)]
    pub limit: Option<i64>,
}
