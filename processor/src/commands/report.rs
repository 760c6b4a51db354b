//! Reports to the moderators: of what the reporter can see.

use chat_backends::postgres::reports::{self, Report, ReportStatus, ReportTarget};
use chat_backends::postgres::users;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{MessageId, ReportId, RoomId, StoryId, UserId};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::{access, message_access, story, text};
use crate::context::Context;
use crate::failure::unavailable;

/// Takes a report in.
///
/// # Errors
/// `validation_failed`; `user_not_found`, `message_not_found`, `room_not_found`, `not_member` or `story_not_found` for
/// what the reporter can't see; `unavailable`.
pub async fn run(
    context: &Context,
    actor: &Actor,
    report: client::Report,
) -> Result<ReportId, Refusal> {
    let reason = text::bounded("reason", &report.reason, 1..=limits::REPORT_REASON_CHARS)?;
    let notes = text::optional("notes", report.notes.as_deref(), 0..=limits::REASON_CHARS)?;
    let id = report.target_id;
    let target = match report.target_type {
        client::ReportTarget::User => {
            require_user(context, UserId::from(id)).await?;
            ReportTarget::User
        }
        client::ReportTarget::Message => {
            message_access::of_message(context, actor, MessageId::from(id)).await?;
            ReportTarget::Message
        }
        client::ReportTarget::Room => {
            access::of_member(context, RoomId::from(id), actor.user_id).await?;
            ReportTarget::Room
        }
        client::ReportTarget::Story => {
            story::view(context, actor, StoryId::from(id)).await?;
            ReportTarget::Story
        }
    };
    let stored = Report {
        id: ReportId::now_v7(),
        reporter_id: actor.user_id,
        target,
        target_id: id,
        reason,
        notes,
        status: ReportStatus::Pending,
        decided_by: None,
        decided_at: None,
        decision: None,
        created_at: Timestamp::now(),
    };
    reports::insert(&context.pg, &stored)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(stored.id)
}

async fn require_user(context: &Context, user: UserId) -> Result<(), Refusal> {
    let known = users::existing(&context.pg, &[user])
        .await
        .map_err(|error| unavailable(&error))?;
    if known.is_empty() {
        let message = "There is no such user.";
        return Err(Refusal::new(ErrorCode::UserNotFound, message));
    }
    Ok(())
}
