//! `/attachments`: files that go up, and down to those who may read them.

use std::sync::Arc;

use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use chat_backends::objects::ObjectName;
use chat_backends::postgres::attachments;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::protocol::objects::Attachment;
use chat_core::time::Timestamp;
use chat_processor::failure::unavailable;
use http::{HeaderMap, StatusCode};

use crate::app::App;
use crate::http::caller::{Caller, Downloader};
use crate::http::download::Download;
use crate::http::extract::id;
use crate::http::problem::Problem;
use crate::uploads;

/// What may take as long as a slow line needs: uploads.
pub(super) fn uploads() -> Router<Arc<App>> {
    // The file is bounded while it is read; the form around it is small.
    Router::new().route(
        "/attachments",
        post(upload).layer(DefaultBodyLimit::disable()),
    )
}

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/attachments/{id}", get(download))
}

async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    form: Result<Multipart, MultipartRejection>,
) -> Result<(StatusCode, Json<Attachment>), Problem> {
    let form = form.map_err(|_| {
        Refusal::new(
            ErrorCode::UnsupportedMediaType,
            "The body must be multipart/form-data with a part called file.",
        )
    })?;
    let attachment = uploads::receive(&app, caller.identity.user_id, form).await?;
    Ok((StatusCode::CREATED, Json(attachment)))
}

/// Whoever may not read a file does not learn that there is one.
async fn download(
    State(app): State<Arc<App>>,
    Downloader(identity): Downloader,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let away = |error: sqlx::Error| unavailable(&error);
    let mut connection = app.context.pg.acquire().await.map_err(away)?;
    let now = Timestamp::now();
    let file = attachments::readable(&mut connection, identity.user_id, id("id", &file)?, now)
        .await
        .map_err(away)?
        .ok_or_else(|| Refusal::new(ErrorCode::NotFound, "There is no such file."))?;
    // The line may be slow; the database is not kept waiting for it.
    drop(connection);
    let download = Download {
        object: ObjectName::attachment(file.id),
        size: u64::try_from(file.size).ok(),
        mime_type: &file.mime_type,
        file_name: &file.file_name,
        etag: Some(&file.sha256),
    };
    download.answer(&app.objects, &headers).await
}
