//! What clients do with other people, with stories, and with their own account.

use serde::{Deserialize, Serialize};

use crate::ids::{AttachmentId, FriendRequestId, StoryId, UserId};

/// `friend.request`: by exactly one of the three.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct FriendRequest {
    #[serde(default)]
    pub user_id: Option<UserId>,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub username: Option<String>,
}

/// `friend.accept`, `friend.refuse`, `friend.cancel`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct FriendAnswer {
    pub request_id: FriendRequestId,
}

/// `friend.remove`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct FriendRemove {
    pub user_id: UserId,
}

/// `block.add` and `block.remove`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct BlockUser {
    pub user_id: UserId,
}

/// `story.view`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct StoryRef {
    pub story_id: StoryId,
}

/// `POST /stories`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct StoryCreate {
    #[serde(default)]
    pub content: Option<String>,
    #[serde(default)]
    pub attachment_id: Option<AttachmentId>,
}

/// `POST /stories/:id/comments`; the story comes from the path.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct StoryComment {
    pub content: String,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ReportTarget {
    User,
    Message,
    Room,
    Story,
}

/// `POST /reports`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Report {
    pub target_type: ReportTarget,
    #[schemars(with = "crate::ids::MessageId")]
    pub target_id: uuid::Uuid,
    pub reason: String,
    #[serde(default)]
    pub notes: Option<String>,
}

/// `PATCH /me`; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct ProfileUpdate {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub first_name: Option<String>,
    #[serde(default)]
    pub last_name: Option<String>,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub avatar_url: Option<String>,
    #[serde(default)]
    pub bio: Option<String>,
    #[serde(default)]
    pub dm_policy: Option<DmPolicy>,
}

/// Who may open a dm with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum DmPolicy {
    Everyone,
    Friends,
}

/// `POST /me/password`. Never logged: it has no `Debug`.
#[derive(Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct PasswordChange {
    pub current_password: String,
    pub new_password: String,
}
