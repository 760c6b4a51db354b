//! Stories: published to friends, seen, liked and commented for a day.

use chat_backends::postgres::stories::{self, NewComment, NewStory, Which};
use chat_backends::postgres::{attachments, friends};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{CommentId, StoryId, UserId};
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{Story, StoryComment};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{commit, text};
use crate::context::Context;
use crate::effects::{self, Effect, Target};
use crate::failure::{Failure, unavailable};

/// Most stories, or comments, of one answer.
const PAGE: u32 = 200;

/// Publishes a story.
///
/// # Errors
/// `validation_failed`, `empty_content`, `forbidden` for somebody else's file, `unavailable`.
pub async fn create(
    context: &Context,
    actor: &Actor,
    create: client::StoryCreate,
    expires_at: Option<Timestamp>,
) -> Result<Story, Refusal> {
    let now = Timestamp::now();
    let last = now + limits::STORY_LASTS;
    let expires_at = expires_at.unwrap_or(last);
    if expires_at <= now || expires_at > last {
        let message = "must lie in the future, at most 24 hours ahead";
        return Err(Refusal::invalid("expiresAt", "out_of_range", message));
    }
    let content = create.content.as_deref().unwrap_or_default();
    let content = text::bounded("content", content, 0..=limits::DESCRIPTION_CHARS)?;
    if content.is_empty() && create.attachment_id.is_none() {
        return Err(Refusal::new(ErrorCode::EmptyContent, "The story is empty."));
    }
    if let Some(file) = create.attachment_id {
        let own = attachments::all_uploaded_by(&context.pg, actor.user_id, &[file])
            .await
            .map_err(|error| unavailable(&error))?;
        if !own {
            let message = "This file is not yours.";
            return Err(Refusal::new(ErrorCode::Forbidden, message));
        }
    }
    let new = NewStory {
        id: StoryId::now_v7(),
        user_id: actor.user_id,
        content,
        attachment_id: create.attachment_id,
        created_at: now,
        expires_at,
    };
    stories::insert(&context.pg, &new)
        .await
        .map_err(|error| unavailable(&error))?;
    let story = view(context, actor, new.id).await?;
    let event = ServerEvent::StoryCreated {
        story: story.clone(),
    };
    tell_friends(context, actor.user_id, &event).await;
    Ok(story)
}

/// The stories that the actor may see, the latest first.
///
/// # Errors
/// `unavailable`.
pub async fn list(context: &Context, actor: &Actor) -> Result<Vec<Story>, Refusal> {
    let now = Timestamp::now();
    stories::visible(&context.pg, actor.user_id, Which::All, now, PAGE)
        .await
        .map_err(|error| unavailable(&error))
}

/// A story that the actor may see and whose day is not over.
///
/// # Errors
/// `story_not_found`, `unavailable`.
pub async fn view(context: &Context, actor: &Actor, id: StoryId) -> Result<Story, Refusal> {
    let now = Timestamp::now();
    stories::visible(&context.pg, actor.user_id, Which::One(id), now, 1)
        .await
        .map_err(|error| unavailable(&error))?
        .pop()
        .ok_or_else(story_not_found)
}

/// Deletes a story of the actor's.
///
/// # Errors
/// `story_not_found`, `forbidden`, `unavailable`.
pub async fn delete(context: &Context, actor: &Actor, id: StoryId) -> Result<(), Refusal> {
    let story = view(context, actor, id).await?;
    if story.user_id != actor.user_id {
        return Err(Refusal::new(
            ErrorCode::Forbidden,
            "This story is not yours.",
        ));
    }
    stories::delete(&context.pg, id, actor.user_id)
        .await
        .map_err(|error| unavailable(&error))?;
    let event = ServerEvent::StoryDeleted {
        story_id: id,
        user_id: actor.user_id,
    };
    tell_friends(context, actor.user_id, &event).await;
    Ok(())
}

/// Likes a story, or takes the like back; once per user.
///
/// # Errors
/// `story_not_found`, `unavailable`.
pub async fn like(
    context: &Context,
    actor: &Actor,
    id: StoryId,
    liked: bool,
) -> Result<(), Refusal> {
    let story = view(context, actor, id).await?;
    let at = Timestamp::now();
    let changed = stories::like(&context.pg, id, actor.user_id, liked, at)
        .await
        .map_err(|error| unavailable(&error))?;
    if changed && liked {
        let event = ServerEvent::StoryLiked {
            story_id: id,
            user_id: actor.user_id,
            at,
        };
        tell(context, &[story.user_id], &event).await;
    }
    Ok(())
}

/// Comments on a story.
///
/// # Errors
/// `validation_failed`, `story_not_found`, `unavailable`.
pub async fn comment(
    context: &Context,
    actor: &Actor,
    id: StoryId,
    comment: client::StoryComment,
) -> Result<StoryComment, Refusal> {
    let content = text::bounded("content", &comment.content, 1..=limits::DESCRIPTION_CHARS)?;
    let story = view(context, actor, id).await?;
    let new = NewComment {
        id: CommentId::now_v7(),
        story_id: id,
        user_id: actor.user_id,
        content,
        created_at: Timestamp::now(),
    };
    stories::comment(&context.pg, &new)
        .await
        .map_err(|error| unavailable(&error))?;
    let stored = comments(context, actor, id)
        .await?
        .into_iter()
        .find(|comment| comment.id == new.id)
        .ok_or_else(story_not_found)?;
    let event = ServerEvent::StoryCommented {
        story_id: id,
        user_id: actor.user_id,
        at: new.created_at,
        comment: stored.clone(),
    };
    tell(context, &[story.user_id], &event).await;
    Ok(stored)
}

/// The comments below a story, the first at the front.
///
/// # Errors
/// `story_not_found`, `unavailable`.
pub async fn comments(
    context: &Context,
    actor: &Actor,
    id: StoryId,
) -> Result<Vec<StoryComment>, Refusal> {
    view(context, actor, id).await?;
    stories::comments(&context.pg, id, PAGE)
        .await
        .map_err(|error| unavailable(&error))
}

/// Checks everything that can be refused of `story.view`.
///
/// # Errors
/// `story_not_found`, `unavailable`.
pub async fn check_view(
    context: &Context,
    actor: &Actor,
    story: client::StoryRef,
) -> Result<Job, Refusal> {
    let story_id = view(context, actor, story.story_id).await?.id;
    Ok(actor.job(None, Act::ViewStory { story_id }))
}

/// `story.view`, done before the answer.
///
/// # Errors
/// As [`check_view`].
pub async fn run_view(
    context: &Context,
    actor: &Actor,
    story: client::StoryRef,
) -> Result<(), Refusal> {
    let job = check_view(context, actor, story).await?;
    commit::commit(context, &job).await
}

/// Counts the view, once per user; the owner hears of it. An owner's own look does not count.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply_view(
    connection: &mut PgConnection,
    job: &Job,
    story_id: StoryId,
) -> Result<Vec<Effect>, Failure> {
    let (viewer, at) = (job.user_id, job.created_at);
    let seen = stories::visible(&mut *connection, viewer, Which::One(story_id), at, 1).await?;
    let Some(story) = seen.into_iter().find(|story| story.user_id != viewer) else {
        return Ok(vec![]);
    };
    if !stories::view(connection, story_id, viewer, at).await? {
        return Ok(vec![]);
    }
    let event = ServerEvent::StoryViewed {
        story_id,
        user_id: viewer,
        at,
    };
    Ok(vec![Effect::of_job(
        Target::User(story.user_id),
        &event,
        job,
    )?])
}

/// Deletes stories whose day is over and says so; returns how many.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn expire(context: &Context, now: Timestamp) -> Result<usize, Failure> {
    let gone = stories::expire(&context.pg, now, PAGE).await?;
    for (story_id, user_id) in &gone {
        let event = ServerEvent::StoryExpired {
            story_id: *story_id,
            user_id: *user_id,
        };
        tell_friends(context, *user_id, &event).await;
    }
    Ok(gone.len())
}

async fn tell_friends(context: &Context, owner: UserId, event: &ServerEvent) {
    match friends::ids(&context.pg, owner).await {
        Ok(mut listeners) => {
            listeners.push(owner);
            tell(context, &listeners, event).await;
        }
        Err(error) => tracing::warn!(%error, "a story's friends were not told"),
    }
}

/// What is stored is seen at the next look; a telling that gets lost costs no more than that.
async fn tell(context: &Context, users: &[UserId], event: &ServerEvent) {
    let effects: Result<Vec<Effect>, Failure> = users
        .iter()
        .map(|user| Effect::new(Target::User(*user), event))
        .collect();
    match effects {
        Ok(effects) => {
            if let Err(error) = effects::publish(&context.redis, &effects).await {
                tracing::warn!(%error, event = event.name(), "a story's event was not told");
            }
        }
        Err(error) => tracing::error!(%error, event = event.name(), "an event can't be encoded"),
    }
}

fn story_not_found() -> Refusal {
    Refusal::new(ErrorCode::StoryNotFound, "There is no such story.")
}
