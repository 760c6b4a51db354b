//! Everybody, as far as one may know: the list that this dialect's page shows.

use std::collections::{HashMap, HashSet};

use chat_backends::postgres::{friends, users};
use chat_core::error::Refusal;
use chat_core::ids::UserId;
use chat_core::limits;
use chat_core::protocol::client::PresenceUsers;
use chat_core::protocol::objects::{Presence, PresenceStatus, User};
use chat_processor::actor::Actor;
use chat_processor::commands::contacts;
use chat_processor::failure::unavailable;

use crate::app::App;

/// Most users of the list.
const MOST: usize = 500;

/// Somebody on the list.
pub(super) struct Person {
    pub(super) user: User,
    /// The email, masked unless it is the caller's own or a friend's.
    pub(super) email: String,
    pub(super) presence: Presence,
}

impl Person {
    pub(super) fn is_online(&self) -> bool {
        self.presence.status != PresenceStatus::Offline
    }
}

/// The caller, the caller's contacts and the newest accounts, by name.
///
/// # Errors
/// `unavailable`.
pub(super) async fn list(app: &App, actor: &Actor) -> Result<Vec<Person>, Refusal> {
    let away = |error: sqlx::Error| unavailable(&error);
    let (pg, own) = (&app.context.pg, actor.user_id);
    let friends: HashSet<UserId> = friends::ids(pg, own)
        .await
        .map_err(away)?
        .into_iter()
        .collect();
    let mut known = vec![own];
    known.extend(contacts::of(&app.context, own).await.map_err(away)?);
    known.truncate(MOST);
    let mut users = users::by_ids(pg, &known).await.map_err(away)?;
    let known: HashSet<UserId> = known.into_iter().collect();
    #[expect(clippy::cast_possible_truncation, reason = "it is 500")]
    let newest = users::list(pg, MOST as u32).await.map_err(away)?;
    users.extend(newest.into_iter().filter(|user| !known.contains(&user.id)));
    users.truncate(MOST);
    users.sort_by_cached_key(|user| user.name.to_lowercase());
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let mut presence = presence(app, actor, &ids).await?;
    let people = users.into_iter().filter_map(|user| {
        let email = user.email.as_deref().unwrap_or_default();
        let email = if user.id == own || friends.contains(&user.id) {
            email.to_owned()
        } else {
            masked(email)
        };
        let presence = presence.remove(&user.id)?;
        Some(Person {
            user,
            email,
            presence,
        })
    });
    Ok(people.collect())
}

/// The presence of any number of users as the caller may see it.
///
/// # Errors
/// `unavailable`.
pub(super) async fn presence(
    app: &App,
    actor: &Actor,
    users: &[UserId],
) -> Result<HashMap<UserId, Presence>, Refusal> {
    let mut all = HashMap::with_capacity(users.len());
    for part in users.chunks(limits::PRESENCE_IDS) {
        let asked = PresenceUsers {
            user_ids: part.to_vec(),
        };
        let found = contacts::presence(&app.context, actor, &asked).await?;
        all.extend(
            found
                .into_iter()
                .map(|presence| (presence.user_id, presence)),
        );
    }
    Ok(all)
}

/// What strangers see of an address: enough to recognise it, not enough to write to it.
fn masked(email: &str) -> String {
    match email.split_once('@') {
        Some((local, domain)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_shows_its_first_letter_and_its_domain() {
        assert_eq!(masked("alice@example.org"), "a***@example.org");
        assert_eq!(masked("a@example.org"), "a***@example.org");
        assert_eq!(masked(""), "");
    }
}
