//! `room.create`: the one dm of a pair, or a new group.

use std::collections::BTreeSet;

use chat_backends::postgres::rooms::{self, NewGroup};
use chat_backends::postgres::{blocks, users};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::fanout::{CONTROL_JOIN, Control};
use chat_core::ids::{RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{Room, RoomType};
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::text;
use crate::context::Context;
use crate::effects::{self, Effect};
use crate::failure::unavailable;

/// A room that exists now.
#[derive(Debug)]
pub struct Created {
    /// The room as the actor sees it, with its members.
    pub room: Room,
    /// Whether it is new: the dm of a pair is made once.
    pub created: bool,
    /// The announcement to publish; `None` where nothing is new.
    pub announcement: Option<Job>,
}

/// Creates the room, or finds the pair's dm. The members' gateways know of it before this returns.
///
/// # Errors
/// The refusals of the wire contract, §2.3; `unavailable` while Postgres is away.
pub async fn run(
    context: &Context,
    actor: &Actor,
    create: client::RoomCreate,
) -> Result<Created, Refusal> {
    let (room_id, created, members) = match create.kind {
        RoomType::Dm => dm(context, actor, &create).await?,
        RoomType::Group => group(context, actor, &create).await?,
    };
    let room = view(context, room_id, actor.user_id).await?;
    let announcement = if created {
        join_sockets(context, room_id, &members).await;
        Some(actor.job(Some(room_id), Act::AnnounceRoom {}))
    } else {
        None
    };
    Ok(Created {
        room,
        created,
        announcement,
    })
}

async fn dm(
    context: &Context,
    actor: &Actor,
    create: &client::RoomCreate,
) -> Result<(RoomId, bool, Vec<UserId>), Refusal> {
    if create.member_ids.len() > 2 {
        return Err(not_a_pair());
    }
    let mut members = parse(&create.member_ids)?;
    members.insert(actor.user_id);
    let members: Vec<UserId> = members.into_iter().collect();
    let [low, high] = members[..] else {
        return Err(not_a_pair());
    };
    require_known(context, &members).await?;
    let other = if low == actor.user_id { high } else { low };
    require_no_block(context, actor, &[other]).await?;
    require_open_to_dm(context, actor, other).await?;
    let (room, created) = insert_dm(context, actor.user_id, other)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok((room, created, members))
}

async fn insert_dm(
    context: &Context,
    creator: UserId,
    other: UserId,
) -> Result<(RoomId, bool), sqlx::Error> {
    let mut transaction = context.pg.begin().await?;
    let now = Timestamp::now();
    let made = rooms::create_dm(&mut transaction, RoomId::now_v7(), creator, other, now).await?;
    transaction.commit().await?;
    Ok(made)
}

async fn view(context: &Context, room: RoomId, viewer: UserId) -> Result<Room, Refusal> {
    let mut connection = context
        .pg
        .acquire()
        .await
        .map_err(|error| unavailable(&error))?;
    rooms::view(&mut connection, room, viewer)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(super::access::room_not_found)
}

fn not_a_pair() -> Refusal {
    Refusal::invalid(
        "memberIds",
        "not_a_pair",
        "a dm has exactly one other member",
    )
}

async fn group(
    context: &Context,
    actor: &Actor,
    create: &client::RoomCreate,
) -> Result<(RoomId, bool, Vec<UserId>), Refusal> {
    // Counted as text first, so that an oversize list costs neither parsing nor a look-up.
    let given: BTreeSet<String> = create
        .member_ids
        .iter()
        .map(|id| id.to_ascii_lowercase())
        .collect();
    let own = actor.user_id.to_string();
    let count = given.len() + usize::from(!given.contains(&own));
    if count > limits::GROUP_MEMBERS {
        let message = format!(
            "A group has at most {} members, you included.",
            limits::GROUP_MEMBERS
        );
        return Err(Refusal::new(ErrorCode::GroupFull, message).with_http_status(400));
    }
    let title = text::optional("title", create.title.as_deref(), 1..=limits::NAME_CHARS)?;
    let description = text::optional(
        "description",
        create.description.as_deref(),
        0..=limits::DESCRIPTION_CHARS,
    )?;
    let mut members = parse(&create.member_ids)?;
    members.insert(actor.user_id);
    let members: Vec<UserId> = members.into_iter().collect();
    require_known(context, &members).await?;
    require_no_block(context, actor, &members).await?;
    let room = RoomId::now_v7();
    let group = NewGroup {
        id: room,
        creator: actor.user_id,
        members: members.clone(),
        title,
        description,
        avatar_url: create.avatar_url.clone().filter(|url| url.len() <= 2048),
        join_policy: create.join_policy.unwrap_or_default(),
        created_at: Timestamp::now(),
    };
    rooms::create_group(&context.pg, &group)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok((room, true, members))
}

fn parse(ids: &[String]) -> Result<BTreeSet<UserId>, Refusal> {
    ids.iter()
        .enumerate()
        .map(|(index, id)| {
            id.parse().map_err(|_| {
                Refusal::invalid(
                    format!("memberIds[{index}]"),
                    "malformed",
                    "must be a user id (UUID)",
                )
            })
        })
        .collect()
}

async fn require_known(context: &Context, members: &[UserId]) -> Result<(), Refusal> {
    let known = users::existing(&context.pg, members)
        .await
        .map_err(|error| unavailable(&error))?;
    match members.iter().find(|member| !known.contains(member)) {
        Some(member) => Err(Refusal::new(
            ErrorCode::UserNotFound,
            format!("There is no user {member}."),
        )),
        None => Ok(()),
    }
}

async fn require_no_block(
    context: &Context,
    actor: &Actor,
    others: &[UserId],
) -> Result<(), Refusal> {
    let blocked = blocks::between(&context.pg, actor.user_id, others)
        .await
        .map_err(|error| unavailable(&error))?;
    if blocked.is_empty() {
        return Ok(());
    }
    let message = "One of you has blocked the other.";
    Err(Refusal::new(ErrorCode::Blocked, message))
}

/// Whoever takes dms from friends only still has those that exist.
async fn require_open_to_dm(
    context: &Context,
    actor: &Actor,
    other: UserId,
) -> Result<(), Refusal> {
    let away = |error: sqlx::Error| unavailable(&error);
    let open = users::open_to_dm(&context.pg, actor.user_id, other);
    if open.await.map_err(away)? {
        return Ok(());
    }
    let existing = rooms::dm(&context.pg, actor.user_id, other);
    if existing.await.map_err(away)?.is_some() {
        return Ok(());
    }
    let message = "This user takes direct messages from friends only.";
    Err(Refusal::new(ErrorCode::Forbidden, message))
}

/// Tells the members' gateways at once, so that the first message finds their sockets subscribed. The announcement to
/// the clients goes through the medium queue and may come later.
async fn join_sockets(context: &Context, room_id: RoomId, members: &[UserId]) {
    let control = Control {
        room_id,
        from_seq: 0,
    };
    let effects: Vec<Effect> = members
        .iter()
        .filter_map(|member| Effect::control(*member, CONTROL_JOIN, control).ok())
        .collect();
    if let Err(error) = effects::publish(&context.redis, &effects).await {
        // The announcement joins them too, later.
        tracing::warn!(%error, room = %room_id, "the gateways were not told of a new room");
    }
}
