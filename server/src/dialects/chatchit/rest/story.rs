//! `/story`: stories in snake_case.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use chat_backends::postgres::stories::{self, Which};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{AttachmentId, CommentId, StoryId, UserId};
use chat_core::limits;
use chat_core::protocol::client::{StoryComment as NewComment, StoryCreate};
use chat_core::protocol::objects::{Story, StoryComment};
use chat_core::time::Timestamp;
use chat_processor::commands::{story, text};
use chat_processor::failure::unavailable;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::envelope::{Answer, Envelope};
use crate::app::App;
use crate::dialects::spelling::renamed;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

/// Most stories of one answer.
const MOST: u32 = 200;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/story", get(list).post(create))
        .route("/story/friend/{friendId}", get(of_friend))
        .route("/story/comment/{id}", delete(delete_comment))
        .route("/story/{id}", get(show).patch(edit).delete(erase))
        .route("/story/{id}/like", post(like).delete(unlike))
        .route("/story/{id}/comment", post(comment))
        .route("/story/{id}/comments", get(comments))
}

#[derive(Deserialize)]
struct NewStory {
    content: String,
    /// At most a day ahead, which is where it ends otherwise.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

#[derive(Serialize)]
struct ShownStory {
    id: StoryId,
    user_id: UserId,
    content: String,
    attachment_id: Option<AttachmentId>,
    media_url: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    view_count: i64,
    like_count: i64,
    comment_count: i64,
    viewed_by_me: bool,
    liked_by_me: bool,
}

impl From<Story> for ShownStory {
    fn from(story: Story) -> Self {
        Self {
            id: story.id,
            user_id: story.user_id,
            content: story.content,
            attachment_id: story.attachment_id,
            media_url: story.media_url,
            created_at: story.created_at,
            expires_at: story.expires_at,
            view_count: story.view_count,
            like_count: story.like_count,
            comment_count: story.comment_count,
            viewed_by_me: story.viewed_by_me,
            liked_by_me: story.liked_by_me,
        }
    }
}

#[derive(Serialize)]
struct ShownComment {
    id: CommentId,
    story_id: StoryId,
    user_id: UserId,
    content: String,
    created_at: Timestamp,
}

impl From<StoryComment> for ShownComment {
    fn from(comment: StoryComment) -> Self {
        Self {
            id: comment.id,
            story_id: comment.story_id,
            user_id: comment.user.id,
            content: comment.content,
            created_at: comment.created_at,
        }
    }
}

fn shown(stories: Vec<Story>) -> Envelope {
    let shown: Vec<ShownStory> = stories.into_iter().map(ShownStory::from).collect();
    Envelope::ok(&shown)
}

async fn create(State(app): State<Arc<App>>, caller: Caller, Json(new): Json<NewStory>) -> Answer {
    let create = StoryCreate {
        content: Some(new.content),
        attachment_id: None,
    };
    let actor = caller.actor(&app);
    let story = story::create(&app.context, &actor, create, new.expires_at)
        .await
        .map_err(|refusal| renamed(refusal, "expiresAt", "expires_at"))?;
    Ok(Envelope::created(&ShownStory::from(story)))
}

async fn list(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    Ok(shown(story::list(&app.context, &caller.actor(&app)).await?))
}

async fn of_friend(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(friend): Path<String>,
) -> Answer {
    let which = Which::Of(id("friendId", &friend)?);
    let viewer = caller.identity.user_id;
    let found = stories::visible(&app.context.pg, viewer, which, Timestamp::now(), MOST)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(shown(found))
}

async fn show(State(app): State<Arc<App>>, caller: Caller, Path(story): Path<String>) -> Answer {
    let story = story::view(&app.context, &caller.actor(&app), id("id", &story)?).await?;
    Ok(Envelope::ok(&ShownStory::from(story)))
}

async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
    Json(Content { content }): Json<Content>,
) -> Answer {
    let story: StoryId = id("id", &story)?;
    let actor = caller.actor(&app);
    story::view(&app.context, &actor, story).await?;
    let content = text::bounded("content", &content, 1..=limits::DESCRIPTION_CHARS)?;
    let edited = stories::edit(&app.context.pg, story, actor.user_id, &content)
        .await
        .map_err(|error| unavailable(&error))?;
    if !edited {
        let message = "This story is not yours.";
        return Err(Refusal::new(ErrorCode::Forbidden, message).into());
    }
    let story = story::view(&app.context, &actor, story).await?;
    Ok(Envelope::ok(&ShownStory::from(story)))
}

async fn erase(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Result<StatusCode, Problem> {
    story::delete(&app.context, &caller.actor(&app), id("id", &story)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn like(State(app): State<Arc<App>>, caller: Caller, Path(story): Path<String>) -> Answer {
    story::like(&app.context, &caller.actor(&app), id("id", &story)?, true).await?;
    Ok(Envelope::done("The story is liked."))
}

async fn unlike(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Result<StatusCode, Problem> {
    story::like(&app.context, &caller.actor(&app), id("id", &story)?, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn comment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
    Json(comment): Json<NewComment>,
) -> Answer {
    let (actor, story) = (caller.actor(&app), id("id", &story)?);
    let comment = story::comment(&app.context, &actor, story, comment).await?;
    Ok(Envelope::created(&ShownComment::from(comment)))
}

async fn comments(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Answer {
    let comments = story::comments(&app.context, &caller.actor(&app), id("id", &story)?).await?;
    let shown: Vec<ShownComment> = comments.into_iter().map(ShownComment::from).collect();
    Ok(Envelope::ok(&shown))
}

async fn delete_comment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(comment): Path<String>,
) -> Result<StatusCode, Problem> {
    let comment: CommentId = id("id", &comment)?;
    let deleted = stories::delete_comment(&app.context.pg, comment, caller.identity.user_id)
        .await
        .map_err(|error| unavailable(&error))?;
    if !deleted {
        let message = "There is no such comment of yours.";
        return Err(Problem::new(ErrorCode::NotFound, message));
    }
    Ok(StatusCode::NO_CONTENT)
}
