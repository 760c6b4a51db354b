//! Stories: seen by friends, gone after a day.

use serde::{Deserialize, Serialize};

use super::UserRef;
use crate::ids::{AttachmentId, CommentId, StoryId, UserId};
use crate::time::Timestamp;

/// A story as one user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Story {
    pub id: StoryId,
    pub user_id: UserId,
    pub content: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attachment_id: Option<AttachmentId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub media_url: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub view_count: i64,
    pub like_count: i64,
    pub comment_count: i64,
    pub viewed_by_me: bool,
    pub liked_by_me: bool,
}

/// A comment below a story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct StoryComment {
    pub id: CommentId,
    pub story_id: StoryId,
    pub user: UserRef,
    pub content: String,
    pub created_at: Timestamp,
}
