//! Who hears of a user's presence, and whose presence a user may know.

use std::collections::BTreeSet;

use chat_backends::postgres::{blocks, friends, members};
use chat_backends::redis::graph::{self, Graph};
use chat_backends::redis::members::Version;
use chat_core::error::Refusal;
use chat_core::ids::UserId;
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{Presence, PresenceStatus};
use futures::future::{join_all, try_join_all};

use crate::actor::Actor;
use crate::commands::{access, set_presence};
use crate::context::Context;
use crate::failure::unavailable;

/// Rooms whose members are asked for at once.
const ROOMS_AT_ONCE: usize = 32;

/// Friends and co-members of `user`, without those who blocked the user or are blocked; friends first, at most
/// [`limits::CONTACTS`]. What Redis remembers of them needs no database.
///
/// # Errors
/// If the database fails.
pub async fn of(context: &Context, user: UserId) -> Result<Vec<UserId>, sqlx::Error> {
    let graph = graph_of(context, user).await?;
    let mut seen: BTreeSet<UserId> = graph.blocked.into_iter().collect();
    seen.insert(user);
    let mut contacts = graph.friends;
    contacts.retain(|contact| seen.insert(*contact));
    for rooms in graph.groups.chunks(ROOMS_AT_ONCE) {
        if contacts.len() >= limits::CONTACTS {
            break;
        }
        let members = rooms.iter().map(|room| access::members_of(context, *room));
        let members = try_join_all(members).await?;
        let new = members
            .into_iter()
            .flatten()
            .filter(|member| seen.insert(*member));
        contacts.extend(new);
    }
    contacts.truncate(limits::CONTACTS);
    Ok(contacts)
}

async fn graph_of(context: &Context, user: UserId) -> Result<Graph, sqlx::Error> {
    if let Ok(Some(graph)) = graph::read(&context.redis, user).await {
        return Ok(graph);
    }
    let unknown = graph::unknown(&context.redis, &[user]).await;
    let graph = stored(context, &[user]).await?.pop().unwrap_or_default();
    if let Ok(Some((_, version))) = unknown.map(|unknown| unknown.first().copied()) {
        fill(context, user, version, &graph).await;
    }
    Ok(graph)
}

/// Has Redis remember the contacts of all these users, with the same few queries for all of whom it does not yet: what
/// [`of`] then asks no database for.
///
/// # Errors
/// If the database fails.
pub(crate) async fn remember(context: &Context, users: &[UserId]) -> Result<(), sqlx::Error> {
    let Ok(unknown) = graph::unknown(&context.redis, users).await else {
        return Ok(());
    };
    let users: Vec<UserId> = unknown.iter().map(|(user, _)| *user).collect();
    if users.is_empty() {
        return Ok(());
    }
    let graphs = stored(context, &users).await?;
    let filling = unknown
        .iter()
        .zip(&graphs)
        .map(|((user, version), graph)| fill(context, *user, *version, graph));
    join_all(filling).await;
    Ok(())
}

/// What the database says of them, in their order.
async fn stored(context: &Context, users: &[UserId]) -> Result<Vec<Graph>, sqlx::Error> {
    let friends = friends::ids_of_each(&context.pg, users).await?;
    let groups = members::rooms_of_each(&context.pg, users).await?;
    let blocked = blocks::of_each(&context.pg, users).await?;
    let graphs = friends.into_iter().zip(groups).zip(blocked);
    Ok(graphs
        .map(|((friends, groups), blocked)| Graph {
            friends,
            groups,
            blocked,
        })
        .collect())
}

async fn fill(context: &Context, user: UserId, version: Version, graph: &Graph) {
    if let Err(error) = graph::fill(&context.redis, user, version, graph).await {
        tracing::debug!(%error, "a user's contacts were not remembered");
    }
}

/// The presence of users as the actor may see it: whoever has a block with the actor is always offline.
///
/// # Errors
/// `validation_failed`, `unavailable`.
pub async fn presence(
    context: &Context,
    actor: &Actor,
    asked: &client::PresenceUsers,
) -> Result<Vec<Presence>, Refusal> {
    let mut presence = set_presence::get(context, &asked.user_ids).await?;
    let blocked = blocks::between(&context.pg, actor.user_id, &asked.user_ids)
        .await
        .map_err(|error| unavailable(&error))?;
    for shown in &mut presence {
        if blocked.contains(&shown.user_id) {
            shown.status = PresenceStatus::Offline;
            shown.activity = None;
            shown.last_seen = None;
        }
    }
    Ok(presence)
}
