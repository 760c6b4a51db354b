//! Who hears of a user's presence, and whose presence a user may know.

use std::collections::BTreeSet;

use chat_backends::postgres::{blocks, friends, members};
use chat_core::error::Refusal;
use chat_core::ids::UserId;
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{Presence, PresenceStatus};
use sqlx::PgPool;

use crate::actor::Actor;
use crate::commands::set_presence;
use crate::context::Context;
use crate::failure::unavailable;

/// Friends and co-members of `user`, without those who blocked the user or are blocked; friends first, at most
/// [`limits::CONTACTS`].
///
/// # Errors
/// If the database fails.
pub async fn of(pg: &PgPool, user: UserId) -> Result<Vec<UserId>, sqlx::Error> {
    let mut seen = BTreeSet::new();
    let mut contacts = friends::ids(pg, user).await?;
    contacts.extend(members::co_members(pg, user, limits::CONTACTS).await?);
    contacts.retain(|contact| seen.insert(*contact));
    contacts.truncate(limits::CONTACTS);
    let blocked = blocks::between(pg, user, &contacts).await?;
    contacts.retain(|contact| !blocked.contains(contact));
    Ok(contacts)
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
