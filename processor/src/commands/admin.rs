//! What administrators do about accounts, rooms, messages and reports. Each act is in the audit log before it is done.

use std::fmt;

use chat_backends::postgres::audit::{self, NewEntry};
use chat_backends::postgres::reports::{self, ReportStatus};
use chat_backends::postgres::{event_groups, members, message_facts, rooms, users};
use chat_backends::redis::admission;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{MessageId, ReportId, RoomId, UserId};
use chat_core::job::Act;
use chat_core::limits;
use chat_core::protocol::client::DeleteScope;
use chat_core::protocol::objects::{User, UserRole};
use chat_core::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::commands::{access, commit, end_sessions, message_access, text};
use crate::context::Context;
use crate::failure::unavailable;
use crate::groups::Group;
use crate::groups::start::Start;

/// What an act is about.
enum Target {
    User(UserId),
    Room(RoomId),
    Message(MessageId),
    Report(ReportId),
    Group(Group),
}

impl Target {
    const fn key(&self) -> Option<Uuid> {
        match self {
            Self::User(user) => Some(user.uuid()),
            Self::Room(room) => Some(room.uuid()),
            Self::Message(_) | Self::Report(_) | Self::Group(_) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Room(room) => room.fmt(f),
            Self::Message(message) => message.fmt(f),
            Self::Report(report) => report.fmt(f),
            Self::Group(group) => group.name().fmt(f),
        }
    }
}

/// Lets administrators pass, by the role that the account has now.
///
/// # Errors
/// `forbidden`, `unavailable`.
pub async fn require_admin(context: &Context, actor: &Actor) -> Result<(), Refusal> {
    let user = users::by_id(&context.pg, actor.user_id)
        .await
        .map_err(|error| unavailable(&error))?;
    if user.is_some_and(|user| user.role == UserRole::Admin) {
        return Ok(());
    }
    let message = "This is for administrators.";
    Err(Refusal::new(ErrorCode::Forbidden, message))
}

/// Gives an account a role.
///
/// # Errors
/// `forbidden`, `user_not_found`, `unavailable`.
pub async fn set_role(
    context: &Context,
    actor: &Actor,
    user: UserId,
    role: UserRole,
) -> Result<User, Refusal> {
    let details = json!({ "role": role });
    begin(context, actor, "user.role", Target::User(user), details).await?;
    let done = users::set_role(&context.pg, user, role, Timestamp::now()).await;
    found(done)?;
    let stored = users::by_id(&context.pg, user).await;
    stored
        .map_err(|error| unavailable(&error))?
        .ok_or_else(user_not_found)
}

/// Bans an account until then, or for good, and ends its sessions.
///
/// # Errors
/// `validation_failed`, `forbidden`, `user_not_found`, `unavailable`.
pub async fn ban(
    context: &Context,
    actor: &Actor,
    user: UserId,
    reason: &str,
    until: Option<Timestamp>,
) -> Result<(), Refusal> {
    let reason = text::bounded("reason", reason, 0..=limits::REASON_CHARS)?;
    if user == actor.user_id {
        let message = "is your own account";
        return Err(Refusal::invalid("id", "not_allowed", message));
    }
    let details = json!({ "reason": reason, "until": until });
    begin(context, actor, "user.ban", Target::User(user), details).await?;
    found(users::ban(&context.pg, user, &reason, until, Timestamp::now()).await)?;
    end_sessions::run(context, user, None).await.map(|_| ())
}

/// Ends a ban.
///
/// # Errors
/// `forbidden`, `user_not_found` if there is none, `unavailable`.
pub async fn unban(context: &Context, actor: &Actor, user: UserId) -> Result<(), Refusal> {
    begin(
        context,
        actor,
        "user.unban",
        Target::User(user),
        Value::Null,
    )
    .await?;
    found(users::unban(&context.pg, user, Timestamp::now()).await)
}

/// Keeps an account from sending until then, everywhere or in one room; `None` lets it speak again.
///
/// # Errors
/// `validation_failed`, `forbidden`, `user_not_found`, `unavailable`.
pub async fn mute(
    context: &Context,
    actor: &Actor,
    (user, room): (UserId, Option<RoomId>),
    reason: &str,
    until: Option<Timestamp>,
) -> Result<(), Refusal> {
    let reason = text::bounded("reason", reason, 0..=limits::REASON_CHARS)?;
    let action = if until.is_some() {
        "user.mute"
    } else {
        "user.unmute"
    };
    let details = json!({ "reason": reason, "until": until, "roomId": room });
    begin(context, actor, action, Target::User(user), details).await?;
    let now = Timestamp::now();
    found(match room {
        Some(room) => members::silence(&context.pg, room, user, until).await,
        None => {
            let reason = until.map(|_| reason.as_str());
            users::mute(&context.pg, user, reason, until, now).await
        }
    })?;
    if let Err(error) = admission::hold(&context.redis, user).await {
        tracing::warn!(%error, "a mute takes hold half a minute late");
    }
    Ok(())
}

/// Decides a report.
///
/// # Errors
/// `validation_failed`, `forbidden`, `not_found`, `unavailable`.
pub async fn decide_report(
    context: &Context,
    actor: &Actor,
    report: ReportId,
    status: ReportStatus,
    note: Option<&str>,
) -> Result<(), Refusal> {
    if status == ReportStatus::Pending {
        let message = "must be resolved or rejected";
        return Err(Refusal::invalid("status", "not_allowed", message));
    }
    let note = text::optional("note", note, 0..=limits::REASON_CHARS)?;
    let details = json!({ "resolved": status == ReportStatus::Resolved });
    begin(
        context,
        actor,
        "report.decide",
        Target::Report(report),
        details,
    )
    .await?;
    let (by, now) = (actor.user_id, Timestamp::now());
    let done = reports::decide(&context.pg, report, status, by, note.as_deref(), now).await;
    if done.map_err(|error| unavailable(&error))? {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::NotFound,
        "There is no such report.",
    ))
}

/// Deletes any room.
///
/// # Errors
/// `forbidden`, `room_not_found`, `unavailable`.
pub async fn delete_room(context: &Context, actor: &Actor, room: RoomId) -> Result<(), Refusal> {
    begin(
        context,
        actor,
        "room.delete",
        Target::Room(room),
        Value::Null,
    )
    .await?;
    rooms::access(&context.pg, room, actor.user_id)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(access::room_not_found)?;
    commit::commit(context, &actor.job(Some(room), Act::DeleteRoom {})).await
}

/// Deletes any message for all.
///
/// # Errors
/// `forbidden`, `message_not_found`, `unavailable`.
pub async fn delete_message(
    context: &Context,
    actor: &Actor,
    message_id: MessageId,
) -> Result<(), Refusal> {
    let target = Target::Message(message_id);
    begin(context, actor, "message.delete", target, Value::Null).await?;
    let facts = message_facts::facts(&context.pg, message_id)
        .await
        .map_err(|error| unavailable(&error))?
        .filter(|facts| !facts.is_deleted)
        .ok_or_else(message_access::message_not_found)?;
    let act = Act::DeleteMessage {
        message_id,
        scope: DeleteScope::All,
    };
    commit::commit(context, &actor.job(Some(facts.room_id), act)).await
}

/// Lets a consumer group of the event log read again from there.
///
/// # Errors
/// `forbidden`, `unavailable`.
pub async fn replay(
    context: &Context,
    actor: &Actor,
    group: Group,
    from: Start,
) -> Result<(), Refusal> {
    let now = Timestamp::now();
    let details = json!({ "from": from.to_string() });
    begin(context, actor, "log.replay", Target::Group(group), details).await?;
    event_groups::replay(&context.pg, group.name(), from.position(now), now)
        .await
        .map_err(|error| unavailable(&error))
}

/// Checks the role and writes the audit log: an attempt that fails later is in it too.
async fn begin(
    context: &Context,
    actor: &Actor,
    action: &str,
    target: Target,
    details: Value,
) -> Result<(), Refusal> {
    require_admin(context, actor).await?;
    let (key, target) = (target.key(), target.to_string());
    let ip = actor.ip.map(|ip| ip.to_string());
    let entry = NewEntry {
        at: Timestamp::now(),
        actor: Some(actor.user_id),
        action,
        target: Some(&target),
        key,
        ip: ip.as_deref(),
        details: if details.is_null() {
            json!({})
        } else {
            details
        },
    };
    audit::write(&context.pg, &entry)
        .await
        .map_err(|error| unavailable(&error))
}

fn found(done: Result<bool, sqlx::Error>) -> Result<(), Refusal> {
    if done.map_err(|error| unavailable(&error))? {
        return Ok(());
    }
    Err(user_not_found())
}

fn user_not_found() -> Refusal {
    Refusal::new(ErrorCode::UserNotFound, "There is no such account.")
}
