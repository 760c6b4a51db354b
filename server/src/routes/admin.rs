//! `/admin/*`: for administrators; the commands check that and write the audit log.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get, patch, post, put};
use axum::{Json as JsonAnswer, Router};
use chat_backends::postgres::reports::{self, Report, ReportStatus, ReportTarget};
use chat_backends::postgres::{audit, users};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{ReportId, RoomId, UserId};
use chat_core::protocol::objects::{User, UserRole};
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::admin;
use chat_processor::failure::unavailable;
use chat_processor::groups::Group;
use chat_processor::groups::start::{self, Start};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::List;
use crate::app::App;
use crate::auth::refusals::{self, Refused};
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::http::problem::Problem;

/// Default and most entries of a page.
const PAGE_DEFAULT: u32 = 50;
const PAGE_MOST: u32 = 200;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/users", get(accounts))
        .route("/admin/users/{id}", patch(set_role))
        .route("/admin/users/{id}/ban", put(ban).delete(unban))
        .route("/admin/users/{id}/mute", put(mute).delete(unmute))
        .route("/admin/reports", get(list_reports))
        .route("/admin/reports/{id}", patch(decide))
        .route("/admin/audit", get(audit_log))
        .route("/admin/rooms/{id}", delete(delete_room))
        .route("/admin/messages/{id}", delete(delete_message))
        .route("/admin/replay", post(replay))
}

#[derive(Deserialize)]
struct Role {
    role: UserRole,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sanction {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    room_id: Option<RoomId>,
}

#[derive(Deserialize)]
struct Decision {
    status: String,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
struct Replay {
    group: String,
    /// `first`, `last`, an offset or a time.
    from: serde_json::Value,
}

#[derive(Serialize)]
struct Replaying {
    group: &'static str,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownReport {
    id: ReportId,
    reporter_id: UserId,
    target_type: &'static str,
    target_id: uuid::Uuid,
    reason: String,
    notes: Option<String>,
    status: &'static str,
    decided_by: Option<UserId>,
    decided_at: Option<Timestamp>,
    note: Option<String>,
}

#[derive(Serialize)]
struct ShownEntry {
    id: i64,
    at: Timestamp,
    actor: Option<UserId>,
    action: String,
    target: Option<String>,
    ip: Option<String>,
    details: serde_json::Value,
}

async fn accounts(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<JsonAnswer<List<User>>, Problem> {
    administrator(&app, &caller).await?;
    let limit = params.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let before = params
        .text("cursor")
        .map(|cursor| id("cursor", cursor))
        .transpose()?;
    let start = users::Start { before, skip: 0 };
    let data = users::page(&app.context.pg, start, limit)
        .await
        .map_err(|error| unavailable(&error))?;
    let next_cursor = next(&data, limit, |user| user.id.to_string());
    Ok(JsonAnswer(List { data, next_cursor }))
}

async fn set_role(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
    Json(Role { role }): Json<Role>,
) -> Result<JsonAnswer<User>, Problem> {
    let actor = administrator(&app, &caller).await?;
    let user = admin::set_role(&app.context, &actor, id("id", &user)?, role).await?;
    Ok(JsonAnswer(user))
}

async fn ban(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
    Json(ban): Json<Sanction>,
) -> Result<StatusCode, Problem> {
    let actor = administrator(&app, &caller).await?;
    let user = id("id", &user)?;
    admin::ban(&app.context, &actor, user, &ban.reason, ban.until).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unban(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let actor = administrator(&app, &caller).await?;
    admin::unban(&app.context, &actor, id("id", &user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn mute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
    Json(mute): Json<Sanction>,
) -> Result<StatusCode, Problem> {
    let actor = administrator(&app, &caller).await?;
    let whom = (id("id", &user)?, mute.room_id);
    let until = mute
        .until
        .ok_or_else(|| Refusal::invalid("until", "missing", "is missing"))?;
    admin::mute(&app.context, &actor, whom, &mute.reason, Some(until)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unmute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
    params: Params,
) -> Result<StatusCode, Problem> {
    let actor = administrator(&app, &caller).await?;
    let room = params
        .text("roomId")
        .map(|room| id("roomId", room))
        .transpose()?;
    let whom = (id("id", &user)?, room);
    admin::mute(&app.context, &actor, whom, "", None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_reports(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<JsonAnswer<List<ShownReport>>, Problem> {
    administrator(&app, &caller).await?;
    let limit = params.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let status = params.text("status").map(status).transpose()?;
    let before = params
        .text("cursor")
        .map(|cursor| id("cursor", cursor))
        .transpose()?;
    let filter = reports::Filter {
        status,
        before,
        skip: 0,
    };
    let found = reports::list(&app.context.pg, filter, limit)
        .await
        .map_err(|error| unavailable(&error))?;
    let next_cursor = next(&found, limit, |report| report.id.to_string());
    let data = found.into_iter().map(ShownReport::from).collect();
    Ok(JsonAnswer(List { data, next_cursor }))
}

async fn decide(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(report): Path<String>,
    Json(decision): Json<Decision>,
) -> Result<StatusCode, Problem> {
    let actor = administrator(&app, &caller).await?;
    let (report, status) = (id("id", &report)?, status(&decision.status)?);
    let note = decision.note.as_deref();
    admin::decide_report(&app.context, &actor, report, status, note).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn audit_log(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<JsonAnswer<List<ShownEntry>>, Problem> {
    administrator(&app, &caller).await?;
    let limit = params.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let filter = audit::Filter {
        actor: params
            .text("actor")
            .map(|actor| id("actor", actor))
            .transpose()?,
        action: params.text("action"),
        from: params.time("from")?,
        to: params.time("to")?,
        before: params.parsed("cursor")?,
    };
    let found = audit::list(&app.context.pg, filter, limit)
        .await
        .map_err(|error| unavailable(&error))?;
    let next_cursor = next(&found, limit, |entry| entry.id.to_string());
    let data = found.into_iter().map(ShownEntry::from).collect();
    Ok(JsonAnswer(List { data, next_cursor }))
}

async fn delete_room(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    let actor = administrator(&app, &caller).await?;
    admin::delete_room(&app.context, &actor, id("id", &room)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_message(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(message): Path<String>,
) -> Result<StatusCode, Problem> {
    let actor = administrator(&app, &caller).await?;
    admin::delete_message(&app.context, &actor, id("id", &message)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a consumer group of the event log read again; no other group notices.
async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(replay): Json<Replay>,
) -> Result<(StatusCode, JsonAnswer<Replaying>), Problem> {
    let actor = administrator(&app, &caller).await?;
    let group = Group::ALL
        .into_iter()
        .find(|group| group.name() == replay.group)
        .ok_or_else(|| Refusal::invalid("group", "unknown", "is no consumer group"))?;
    let from = match &replay.from {
        serde_json::Value::String(text) => text.parse(),
        serde_json::Value::Number(offset) => offset.to_string().parse(),
        _ => Err(start::MALFORMED.to_owned()),
    };
    let from: Start = from.map_err(|message| Refusal::invalid("from", "invalid", message))?;
    admin::replay(&app.context, &actor, group, from).await?;
    let replaying = Replaying {
        group: group.name(),
        status: "replaying",
    };
    Ok((StatusCode::ACCEPTED, JsonAnswer(replaying)))
}

/// Lets administrators pass, before anything else is looked at.
pub(crate) async fn administrator(app: &App, caller: &Caller) -> Result<Actor, Refusal> {
    let actor = caller.actor(app);
    match admin::require_admin(&app.context, &actor).await {
        Ok(()) => Ok(actor),
        Err(refusal) => {
            if refusal.code == ErrorCode::Forbidden {
                let refused = Refused {
                    action: "admin.refused",
                    actor: Some(actor.user_id),
                    target: None,
                    ip: actor.ip,
                };
                refusals::note(app, refused).await;
            }
            Err(refusal)
        }
    }
}

/// The cursor behind a full page.
fn next<T>(page: &[T], limit: u32, cursor: impl Fn(&T) -> String) -> Option<String> {
    let is_full = u32::try_from(page.len()).is_ok_and(|count| count == limit);
    page.last().filter(|_| is_full).map(cursor)
}

pub(crate) fn status(name: &str) -> Result<ReportStatus, Refusal> {
    match name {
        "pending" => Ok(ReportStatus::Pending),
        "resolved" => Ok(ReportStatus::Resolved),
        "rejected" => Ok(ReportStatus::Rejected),
        _ => Err(Refusal::invalid(
            "status",
            "invalid",
            "must be resolved or rejected",
        )),
    }
}

impl From<Report> for ShownReport {
    fn from(report: Report) -> Self {
        Self {
            id: report.id,
            reporter_id: report.reporter_id,
            target_type: match report.target {
                ReportTarget::User => "user",
                ReportTarget::Message => "message",
                ReportTarget::Room => "room",
                ReportTarget::Story => "story",
            },
            target_id: report.target_id,
            reason: report.reason,
            notes: report.notes,
            status: match report.status {
                ReportStatus::Pending => "pending",
                ReportStatus::Resolved => "resolved",
                ReportStatus::Rejected => "rejected",
            },
            decided_by: report.decided_by,
            decided_at: report.decided_at,
            note: report.decision,
        }
    }
}

impl From<audit::Entry> for ShownEntry {
    fn from(entry: audit::Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            ip: entry.ip,
            details: entry.details,
        }
    }
}
