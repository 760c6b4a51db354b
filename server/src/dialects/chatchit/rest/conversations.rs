//! `/conversations`: groups and dms under their older name.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use chat_backends::postgres::{members, rooms as stored};
use chat_core::error::Refusal;
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::client::{RoomCreate, RoomInvite, RoomJoin, RoomKick, RoomRef, RoomRole};
use chat_core::protocol::objects::{Member, MemberRole, Room, RoomType};
use chat_core::time::Timestamp;
use chat_processor::commands::{change_role, delete_room, invite, join_room, leave_room};
use chat_processor::failure::unavailable;
use serde::{Deserialize, Serialize};

use super::envelope::{Answer, Envelope};
use super::messages;
use super::paging::Page;
use crate::app::App;
use crate::dialects::chatchit::conversation::ConversationType;
use crate::dialects::chatchit::objects::ChatchitMessage;
use crate::dialects::facts::{Known, Person};
use crate::http::caller::Caller;
use crate::http::extract::{Json, Params, id};
use crate::routes::rooms;

/// Default size of a page.
const PAGE: u32 = 20;

/// Most conversations that are looked through, and how many at once.
const MOST: usize = 1000;
const AT_ONCE: u32 = 200;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/conversations", get(list))
        .route("/conversations/create", post(create))
        .route("/conversations/add", post(add))
        .route("/conversations/approve", post(add))
        .route("/conversations/kick", post(kick))
        .route("/conversations/leave", post(leave))
        .route("/conversations/join", post(join))
        .route("/conversations/delete", post(delete))
        .route("/conversations/{id}", get(show))
        .route("/conversations/{id}/message", get(page))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    title: String,
    #[serde(default)]
    avatar_url: Option<String>,
    participants: Vec<NewParticipant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewParticipant {
    user_id: String,
    #[serde(rename = "type")]
    kind: ParticipantType,
}

/// What a participant may do: a lead is the owner or an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ParticipantType {
    Lead,
    Member,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Act {
    conversation_id: RoomId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActOn {
    conversation_id: RoomId,
    target_user_id: UserId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conversation {
    id: RoomId,
    title: Option<String>,
    creator_id: UserId,
    channel_id: Option<RoomId>,
    created_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Option<Timestamp>,
    avatar_url: Option<String>,
    conversation_type: ConversationType,
    participants: Vec<Participant>,
    last_message: Option<ChatchitMessage>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Participant {
    id: UserId,
    user_id: UserId,
    #[serde(rename = "type")]
    kind: ParticipantType,
    user: ParticipantUser,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParticipantUser {
    #[serde(flatten)]
    person: Person,
    username: String,
    name: String,
    avatar_url: Option<String>,
}

async fn create(State(app): State<Arc<App>>, caller: Caller, Json(create): Json<Create>) -> Answer {
    let actor = caller.actor(&app);
    if create.participants.is_empty() {
        return Err(
            Refusal::invalid("participants", "too_few", "must hold at least 1 entry").into(),
        );
    }
    let leads: Vec<String> = create
        .participants
        .iter()
        .filter(|participant| participant.kind == ParticipantType::Lead)
        .map(|participant| participant.user_id.clone())
        .collect();
    let room = RoomCreate {
        kind: RoomType::Group,
        member_ids: create
            .participants
            .into_iter()
            .map(|participant| participant.user_id)
            .collect(),
        title: Some(create.title),
        description: None,
        avatar_url: create.avatar_url,
        join_policy: None,
    };
    let (_, made) = rooms::make(&app, &actor, room).await?;
    for lead in leads {
        let user_id: UserId = id("participants", &lead)?;
        if user_id != actor.user_id {
            let role = RoomRole {
                room_id: made.id,
                user_id,
                role: MemberRole::Admin,
            };
            change_role::run(&app.context, &actor, role).await?;
        }
    }
    let shown = shown(&app, actor.user_id, vec![made]).await?;
    Ok(Envelope::created(&shown.first()))
}

async fn list(State(app): State<Arc<App>>, caller: Caller, params: Params) -> Answer {
    let page = Page::of(&params, "size", PAGE)?;
    let mut rooms = all_of(&app, caller.identity.user_id).await?;
    if let Some(search) = params.text("search").filter(|search| !search.is_empty()) {
        let search = search.to_lowercase();
        let title = |room: &Room| room.title.as_deref().unwrap_or_default().to_lowercase();
        rooms.retain(|room| title(room).contains(&search));
    }
    match params.text("order").map(str::to_ascii_lowercase).as_deref() {
        None | Some("desc" | "") => {}
        Some("asc") => rooms.reverse(),
        Some(_) => {
            return Err(Refusal::invalid("order", "invalid", "must be asc or desc").into());
        }
    }
    let total = rooms.len() as u64;
    let shown = shown(&app, caller.identity.user_id, page.cut(rooms)).await?;
    Ok(Envelope::ok(&page.result(total, shown)))
}

async fn show(State(app): State<Arc<App>>, caller: Caller, Path(room): Path<String>) -> Answer {
    let room: RoomId = id("id", &room)?;
    let viewer = caller.identity.user_id;
    let room = rooms::of_member(&app, room, viewer).await?;
    let shown = shown(&app, viewer, vec![room]).await?;
    Ok(Envelope::ok(&shown.first()))
}

async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(room): Path<String>,
    params: Params,
) -> Answer {
    let room: RoomId = id("id", &room)?;
    let page = Page::of(&params, "size", PAGE)?;
    let (messages, total) = messages::page(&app, caller.identity.user_id, room, page).await?;
    Ok(Envelope::ok(&page.result(total, messages)))
}

/// `add`, and `approve` of somebody who asked to be let in: both make a member at once.
async fn add(State(app): State<Arc<App>>, caller: Caller, Json(act): Json<ActOn>) -> Answer {
    let invite = RoomInvite {
        room_id: act.conversation_id,
        user_ids: vec![act.target_user_id],
        direct: true,
    };
    invite::run(&app.context, &caller.actor(&app), invite).await?;
    Ok(Envelope::done("The user is a participant now."))
}

async fn kick(State(app): State<Arc<App>>, caller: Caller, Json(act): Json<ActOn>) -> Answer {
    let kick = RoomKick {
        room_id: act.conversation_id,
        user_id: act.target_user_id,
    };
    leave_room::run_kick(&app.context, &caller.actor(&app), kick).await?;
    Ok(Envelope::done("The user is no participant any more."))
}

async fn leave(State(app): State<Arc<App>>, caller: Caller, Json(act): Json<Act>) -> Answer {
    let room_id = act.conversation_id;
    leave_room::run(&app.context, &caller.actor(&app), RoomRef { room_id }).await?;
    Ok(Envelope::done("You left the conversation."))
}

async fn join(State(app): State<Arc<App>>, caller: Caller, Json(act): Json<Act>) -> Answer {
    let join = RoomJoin {
        room_id: act.conversation_id,
        invite_id: None,
    };
    let room = join_room::run(&app.context, &caller.actor(&app), join).await?;
    Ok(Envelope::done(match room {
        Some(_) => "You joined the conversation.",
        None => "You asked to join the conversation.",
    }))
}

async fn delete(State(app): State<Arc<App>>, caller: Caller, Json(act): Json<Act>) -> Answer {
    let room_id = act.conversation_id;
    delete_room::run(&app.context, &caller.actor(&app), RoomRef { room_id }).await?;
    Ok(Envelope::done("The conversation is deleted."))
}

/// A user's rooms, newest activity first.
pub(super) async fn all_of(app: &App, user: UserId) -> Result<Vec<Room>, Refusal> {
    let away = |error: sqlx::Error| unavailable(&error);
    let mut connection = app.context.pg.acquire().await.map_err(away)?;
    let (mut all, mut after) = (Vec::new(), None);
    while all.len() < MOST {
        let (rooms, next) = stored::list(&mut connection, user, after, AT_ONCE)
            .await
            .map_err(away)?;
        all.extend(rooms);
        match next {
            Some(cursor) => after = Some(cursor),
            None => break,
        }
    }
    Ok(all)
}

/// Rooms in this dialect's words, as `viewer` sees them.
pub(super) async fn shown(
    app: &App,
    viewer: UserId,
    rooms: Vec<Room>,
) -> Result<Vec<Conversation>, Refusal> {
    let mut shown = Vec::with_capacity(rooms.len());
    for room in rooms {
        let members = members::list(&app.context.pg, room.id)
            .await
            .map_err(|error| unavailable(&error))?;
        shown.push(conversation(app, viewer, room, members).await);
    }
    Ok(shown)
}

async fn conversation(app: &App, viewer: UserId, room: Room, members: Vec<Member>) -> Conversation {
    let ids: Vec<UserId> = members.iter().map(|member| member.user_id).collect();
    app.facts.ensure(&app.context.pg, &ids, &[room.id]).await;
    let people: HashMap<UserId, Person> = {
        let known = Known::of(&app.facts);
        ids.iter()
            .map(|user| (*user, known.person(*user)))
            .collect()
    };
    let last = Vec::from_iter(room.last_message);
    Conversation {
        id: room.id,
        title: room.title,
        creator_id: room.created_by,
        channel_id: None,
        created_at: room.created_at,
        updated_at: room.updated_at,
        deleted_at: None,
        avatar_url: room.avatar_url,
        conversation_type: room.kind.into(),
        participants: members
            .into_iter()
            .filter_map(|member| participant(&people, member))
            .collect(),
        last_message: messages::shown(app, viewer, room.id, last).await.pop(),
    }
}

fn participant(people: &HashMap<UserId, Person>, member: Member) -> Option<Participant> {
    Some(Participant {
        id: member.user_id,
        user_id: member.user_id,
        kind: match member.role {
            MemberRole::Owner | MemberRole::Admin => ParticipantType::Lead,
            MemberRole::Member => ParticipantType::Member,
        },
        user: ParticipantUser {
            person: people.get(&member.user_id)?.clone(),
            username: member.username,
            name: member.name,
            avatar_url: member.avatar_url,
        },
    })
}
