//! The stable error codes that every client sees, in REST answers and in socket acks alike (the wire contract, §1.3).

use serde::{Deserialize, Serialize};

/// A stable error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the names are the contract's; their meaning stands in its table"
)]
pub enum ErrorCode {
    MalformedJson,
    ValidationFailed,
    EmptyContent,
    NotAGroup,
    Unauthenticated,
    InvalidToken,
    TokenExpired,
    SessionRevoked,
    RefreshReused,
    InvalidCredentials,
    Forbidden,
    NotMember,
    Blocked,
    Muted,
    AccountBanned,
    NotFound,
    UserNotFound,
    RoomNotFound,
    MessageNotFound,
    CallNotFound,
    StoryNotFound,
    InviteNotFound,
    MethodNotAllowed,
    EmailTaken,
    UsernameTaken,
    AlreadyMember,
    GroupFull,
    AlreadyPinned,
    NotPinned,
    PinLimit,
    FriendExists,
    RequestPending,
    CallBusy,
    CallEnded,
    ContentTooLarge,
    PayloadTooLarge,
    UnsupportedMediaType,
    SpamDetected,
    EditWindowClosed,
    RateLimited,
    Unavailable,
    Draining,
    UnknownEvent,
    InvalidEvent,
    Busy,
    DeliveryFailed,
    Internal,
}

impl ErrorCode {
    /// The code as clients see it, for example `not_member`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedJson => "malformed_json",
            Self::ValidationFailed => "validation_failed",
            Self::EmptyContent => "empty_content",
            Self::NotAGroup => "not_a_group",
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::SessionRevoked => "session_revoked",
            Self::RefreshReused => "refresh_reused",
            Self::InvalidCredentials => "invalid_credentials",
            Self::Forbidden => "forbidden",
            Self::NotMember => "not_member",
            Self::Blocked => "blocked",
            Self::Muted => "muted",
            Self::AccountBanned => "account_banned",
            Self::NotFound => "not_found",
            Self::UserNotFound => "user_not_found",
            Self::RoomNotFound => "room_not_found",
            Self::MessageNotFound => "message_not_found",
            Self::CallNotFound => "call_not_found",
            Self::StoryNotFound => "story_not_found",
            Self::InviteNotFound => "invite_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::EmailTaken => "email_taken",
            Self::UsernameTaken => "username_taken",
            Self::AlreadyMember => "already_member",
            Self::GroupFull => "group_full",
            Self::AlreadyPinned => "already_pinned",
            Self::NotPinned => "not_pinned",
            Self::PinLimit => "pin_limit",
            Self::FriendExists => "friend_exists",
            Self::RequestPending => "request_pending",
            Self::CallBusy => "call_busy",
            Self::CallEnded => "call_ended",
            Self::ContentTooLarge => "content_too_large",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::SpamDetected => "spam_detected",
            Self::EditWindowClosed => "edit_window_closed",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Draining => "draining",
            Self::UnknownEvent => "unknown_event",
            Self::InvalidEvent => "invalid_event",
            Self::Busy => "busy",
            Self::DeliveryFailed => "delivery_failed",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status of an answer with this code. The two that exist on sockets only count as 400.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::MalformedJson
            | Self::ValidationFailed
            | Self::EmptyContent
            | Self::NotAGroup
            | Self::UnknownEvent
            | Self::InvalidEvent => 400,
            Self::Unauthenticated
            | Self::InvalidToken
            | Self::TokenExpired
            | Self::SessionRevoked
            | Self::RefreshReused
            | Self::InvalidCredentials => 401,
            Self::Forbidden
            | Self::NotMember
            | Self::Blocked
            | Self::Muted
            | Self::AccountBanned => 403,
            Self::NotFound
            | Self::UserNotFound
            | Self::RoomNotFound
            | Self::MessageNotFound
            | Self::CallNotFound
            | Self::StoryNotFound
            | Self::InviteNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::EmailTaken
            | Self::UsernameTaken
            | Self::AlreadyMember
            | Self::GroupFull
            | Self::AlreadyPinned
            | Self::NotPinned
            | Self::PinLimit
            | Self::FriendExists
            | Self::RequestPending
            | Self::CallBusy
            | Self::CallEnded => 409,
            Self::ContentTooLarge | Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::SpamDetected | Self::EditWindowClosed => 422,
            Self::RateLimited => 429,
            Self::DeliveryFailed | Self::Internal => 500,
            Self::Unavailable | Self::Draining | Self::Busy => 503,
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an act is refused, in the form that every edge translates from (problem+json, acks).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The stable code.
    pub code: ErrorCode,
    /// A sentence for people: what is wrong and what to do; never an internal detail.
    pub message: String,
    /// The members that are wrong, for `validation_failed`.
    pub fields: Vec<FieldError>,
    /// When trying again makes sense.
    pub retry_after: Option<std::time::Duration>,
    /// The HTTP status, where it is not the code's usual one (a group created too large is a bad request).
    pub http_status: u16,
}

/// One wrong member of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldError {
    /// Path of the member, for example `memberIds[3]`.
    pub path: String,
    /// What is wrong with it, for example `too_long`.
    pub code: String,
    /// The same for people.
    pub message: String,
}

impl Refusal {
    /// A refusal with this code and sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            http_status: code.http_status(),
        }
    }

    /// `validation_failed` for one member.
    pub fn invalid(
        path: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let field = FieldError {
            path: path.into(),
            code: code.into(),
            message: message.into(),
        };
        Self {
            code: ErrorCode::ValidationFailed,
            message: format!("{}: {}", field.path, field.message),
            fields: vec![field],
            retry_after: None,
            http_status: ErrorCode::ValidationFailed.http_status(),
        }
    }

    /// The same refusal with another HTTP status.
    #[must_use]
    pub const fn with_http_status(mut self, status: u16) -> Self {
        self.http_status = status;
        self
    }

    /// The same refusal with the time after which trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, span: std::time::Duration) -> Self {
        self.retry_after = Some(span);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_in_json_is_the_code_in_text() {
        for code in [
            ErrorCode::NotAGroup,
            ErrorCode::EditWindowClosed,
            ErrorCode::Busy,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
