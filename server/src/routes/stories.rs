//! `/stories`: seen by friends for a day.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use axum::{Json as JsonAnswer, Router};
use chat_core::ids::StoryId;
use chat_core::protocol::client::{self, StoryCreate, StoryRef};
use chat_core::protocol::objects::{Story, StoryComment};
use chat_processor::commands::story;
use http::StatusCode;

use super::List;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, id};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/stories", get(list).post(create))
        .route("/stories/{id}", get(show).delete(delete))
        .route("/stories/{id}/view", post(view))
        .route("/stories/{id}/like", put(like).delete(unlike))
        .route("/stories/{id}/comments", get(comments).post(comment))
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(create): Json<StoryCreate>,
) -> Result<(StatusCode, JsonAnswer<Story>), Problem> {
    let story = story::create(&app.context, &caller.actor(&app), create, None).await?;
    Ok((StatusCode::CREATED, JsonAnswer(story)))
}

async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<JsonAnswer<List<Story>>, Problem> {
    let stories = story::list(&app.context, &caller.actor(&app)).await?;
    Ok(JsonAnswer(List::whole(stories)))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Result<JsonAnswer<Story>, Problem> {
    let story: StoryId = id("id", &story)?;
    Ok(JsonAnswer(
        story::view(&app.context, &caller.actor(&app), story).await?,
    ))
}

async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Result<StatusCode, Problem> {
    story::delete(&app.context, &caller.actor(&app), id("id", &story)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn view(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Result<StatusCode, Problem> {
    let story = StoryRef {
        story_id: id("id", &story)?,
    };
    story::run_view(&app.context, &caller.actor(&app), story).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn like(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Result<StatusCode, Problem> {
    story::like(&app.context, &caller.actor(&app), id("id", &story)?, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unlike(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Result<StatusCode, Problem> {
    story::like(&app.context, &caller.actor(&app), id("id", &story)?, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn comments(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
) -> Result<JsonAnswer<List<StoryComment>>, Problem> {
    let comments = story::comments(&app.context, &caller.actor(&app), id("id", &story)?).await?;
    Ok(JsonAnswer(List::whole(comments)))
}

async fn comment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(story): Path<String>,
    Json(comment): Json<client::StoryComment>,
) -> Result<(StatusCode, JsonAnswer<StoryComment>), Problem> {
    let comment = story::comment(
        &app.context,
        &caller.actor(&app),
        id("id", &story)?,
        comment,
    )
    .await?;
    Ok((StatusCode::CREATED, JsonAnswer(comment)))
}
