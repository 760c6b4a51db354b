//! `/admin`: what administrators list, by number of the page, and what they change about it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use chat_backends::postgres::{reports, room_summary, users};
use chat_core::error::Refusal;
use chat_core::ids::{ReportId, RoomId, UserId};
use chat_core::protocol::objects::{User, UserRole};
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::admin as commands;
use chat_processor::failure::unavailable;
use serde::{Deserialize, Serialize};

use super::envelope::{Answer, Envelope};
use super::paging::Page;
use crate::app::App;
use crate::auth::accounts::profile;
use crate::dialects::chatchit::conversation::ConversationType;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params};
use crate::routes::admin::{ShownReport, administrator, status};

/// Default size of a page.
const PAGE: u32 = 20;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/accounts", get(accounts).patch(change_account))
        .route("/admin/reports", get(list_reports).patch(decide))
        .route("/admin/conversations", get(conversations).delete(remove))
}

/// What is to change of an account; what is left out stays.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountChange {
    #[serde(alias = "userId", alias = "accountId")]
    id: UserId,
    #[serde(default)]
    role: Option<UserRole>,
    /// `false` bans, `true` ends a ban.
    #[serde(default)]
    is_active: Option<bool>,
    /// Why and until when it is banned.
    #[serde(default)]
    reason: String,
    #[serde(default)]
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Decision {
    #[serde(alias = "reportId")]
    id: ReportId,
    status: String,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
struct Which {
    #[serde(alias = "conversationId")]
    id: RoomId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conversation {
    id: RoomId,
    #[serde(rename = "type")]
    kind: ConversationType,
    title: Option<String>,
    avatar_url: Option<String>,
    created_by: UserId,
    created_at: Timestamp,
    member_count: i32,
    message_count: i64,
}

impl From<room_summary::Overview> for Conversation {
    fn from(room: room_summary::Overview) -> Self {
        Self {
            id: room.id,
            kind: room.kind.into(),
            title: room.title,
            avatar_url: room.avatar_url,
            created_by: room.created_by,
            created_at: room.created_at,
            member_count: room.members,
            message_count: room.last_seq,
        }
    }
}

async fn accounts(State(app): State<Arc<App>>, caller: Caller, params: Params) -> Answer {
    administrator(&app, &caller).await?;
    let page = Page::of(&params, "size", PAGE)?;
    let away = |error: sqlx::Error| unavailable(&error);
    let pg = &app.context.pg;
    let (total, _) = users::count(pg, Timestamp::now()).await.map_err(away)?;
    let start = users::Start {
        skip: page.skip(),
        ..users::Start::default()
    };
    let found = users::page(pg, start, page.size).await.map_err(away)?;
    Ok(Envelope::ok(&page.items(total.unsigned_abs(), found)))
}

async fn change_account(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(change): Json<AccountChange>,
) -> Answer {
    let actor = administrator(&app, &caller).await?;
    let user = change_of(&app, &actor, change).await?;
    Ok(Envelope::ok(&user))
}

async fn change_of(app: &App, actor: &Actor, change: AccountChange) -> Result<User, Refusal> {
    let (context, user) = (&app.context, change.id);
    match change.is_active {
        Some(false) => {
            commands::ban(context, actor, user, &change.reason, change.until).await?;
        }
        // Nothing to end is no error here: the account is as it is asked to be.
        Some(true) if !profile(app, user).await?.is_active => {
            commands::unban(context, actor, user).await?;
        }
        Some(true) | None => {}
    }
    match change.role {
        Some(role) => commands::set_role(context, actor, user, role).await,
        None => profile(app, user).await,
    }
}

async fn list_reports(State(app): State<Arc<App>>, caller: Caller, params: Params) -> Answer {
    administrator(&app, &caller).await?;
    let page = Page::of(&params, "size", PAGE)?;
    let filter = reports::Filter {
        status: params.text("status").map(status).transpose()?,
        before: None,
        skip: page.skip(),
    };
    let away = |error: sqlx::Error| unavailable(&error);
    let pg = &app.context.pg;
    let total = reports::count(pg, filter.status).await.map_err(away)?;
    let found = reports::list(pg, filter, page.size).await.map_err(away)?;
    let items: Vec<ShownReport> = found.into_iter().map(Into::into).collect();
    Ok(Envelope::ok(&page.items(total.unsigned_abs(), items)))
}

async fn decide(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(decision): Json<Decision>,
) -> Answer {
    let actor = administrator(&app, &caller).await?;
    let (status, note) = (
        status(&decision.status.to_ascii_lowercase())?,
        decision.note.as_deref(),
    );
    commands::decide_report(&app.context, &actor, decision.id, status, note).await?;
    Ok(Envelope::ok(
        &serde_json::json!({"success": true, "message": "The report is decided."}),
    ))
}

async fn conversations(State(app): State<Arc<App>>, caller: Caller, params: Params) -> Answer {
    administrator(&app, &caller).await?;
    let page = Page::of(&params, "size", PAGE)?;
    let away = |error: sqlx::Error| unavailable(&error);
    let pg = &app.context.pg;
    let total = room_summary::count(pg).await.map_err(away)?;
    let found = room_summary::page_after(pg, page.skip(), page.size)
        .await
        .map_err(away)?;
    let items: Vec<Conversation> = found.into_iter().map(Into::into).collect();
    Ok(Envelope::ok(&page.items(total.unsigned_abs(), items)))
}

/// In the query or in the body: not every client sends a body with DELETE.
async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
    body: Option<Json<Which>>,
) -> Answer {
    let actor = administrator(&app, &caller).await?;
    let named = ["id", "conversationId"].into_iter().find_map(|name| {
        let text = params.text(name)?;
        Some(crate::http::extract::id(name, text))
    });
    let room = match (named, body) {
        (Some(named), _) => named?,
        (None, Some(Json(Which { id }))) => id,
        (None, None) => return Err(Refusal::invalid("id", "missing", "is missing").into()),
    };
    commands::delete_room(&app.context, &actor, room).await?;
    Ok(Envelope::ok(
        &serde_json::json!({"success": true, "message": "The conversation is deleted."}),
    ))
}
