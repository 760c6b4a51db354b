//! A user's own account: its profile, its new password, its end.

use chat_backends::postgres::users::{self, DmPolicy, InsertUserError, UserPatch};
use chat_backends::postgres::{members, rooms};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::job::Act;
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{RoomType, User};
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::commands::{commit, end_sessions, text};
use crate::context::Context;
use crate::failure::unavailable;

/// Changes the profile.
///
/// # Errors
/// `validation_failed`, `username_taken`, `user_not_found`, `unavailable`.
pub async fn update(
    context: &Context,
    actor: &Actor,
    update: client::ProfileUpdate,
) -> Result<User, Refusal> {
    let patch = patch(&update)?;
    users::update(&context.pg, actor.user_id, &patch, Timestamp::now())
        .await
        .map_err(|error| match error {
            InsertUserError::UsernameTaken => {
                Refusal::new(ErrorCode::UsernameTaken, "This username is taken.")
            }
            error => unavailable(&error),
        })?
        .ok_or_else(user_not_found)
}

/// Stores a new password's hash and ends the other sessions. That the old password was right is the caller's to check.
///
/// # Errors
/// `user_not_found`, `unavailable`.
pub async fn set_password(
    context: &Context,
    actor: &Actor,
    password_hash: &str,
) -> Result<(), Refusal> {
    let now = Timestamp::now();
    let stored = users::set_password(&context.pg, actor.user_id, password_hash, now)
        .await
        .map_err(|error| unavailable(&error))?;
    if !stored {
        return Err(user_not_found());
    }
    end_sessions::run(context, actor.user_id, actor.session_id)
        .await
        .map(|_| ())
}

/// Ends the account: leaves every group, ends every session, erases the profile; what it wrote stays under a user
/// without a name. That the password was right is the caller's to check. Doing it again after a failure goes on.
///
/// # Errors
/// `unavailable`.
pub async fn delete(context: &Context, actor: &Actor) -> Result<(), Refusal> {
    let away = |error: sqlx::Error| unavailable(&error);
    let user = actor.user_id;
    for room in members::rooms_of(&context.pg, user).await.map_err(away)? {
        let access = rooms::access(&context.pg, room, user).await.map_err(away)?;
        if access.is_some_and(|access| access.kind == RoomType::Group) {
            commit::commit(context, &actor.job(Some(room), Act::LeaveRoom {})).await?;
        }
    }
    end_sessions::run(context, user, None).await?;
    users::erase(&context.pg, user, Timestamp::now())
        .await
        .map_err(away)?;
    Ok(())
}

fn patch(update: &client::ProfileUpdate) -> Result<UserPatch, Refusal> {
    let name = |path, text: &Option<String>, least| {
        text::optional(path, text.as_deref(), least..=limits::NAME_CHARS)
    };
    let avatar_url = update.avatar_url.clone();
    if avatar_url
        .as_ref()
        .is_some_and(|url| url.len() > limits::URL_BYTES)
    {
        let message = format!("must be at most {} bytes", limits::URL_BYTES);
        return Err(Refusal::invalid("avatarUrl", "too_long", message));
    }
    let username = update.username.as_deref();
    if username.is_some_and(|name| name.chars().any(|c| c.is_whitespace() || c == '@')) {
        let message = "must not hold spaces or @";
        return Err(Refusal::invalid("username", "malformed", message));
    }
    let bio = update.bio.as_deref();
    Ok(UserPatch {
        username: text::optional("username", username, 1..=limits::USERNAME_CHARS)?,
        name: name("name", &update.name, 1)?,
        first_name: name("firstName", &update.first_name, 0)?,
        last_name: name("lastName", &update.last_name, 0)?,
        avatar_url,
        bio: text::optional("bio", bio, 0..=limits::DESCRIPTION_CHARS)?,
        dm_policy: update.dm_policy.map(|policy| match policy {
            client::DmPolicy::Everyone => DmPolicy::Everyone,
            client::DmPolicy::Friends => DmPolicy::Friends,
        }),
    })
}

fn user_not_found() -> Refusal {
    Refusal::new(ErrorCode::UserNotFound, "There is no such account.")
}
