//! `/me/export`: one's own data as a zip.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use chat_backends::objects::ObjectName;
use chat_backends::postgres::exports::ExportState;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::ExportId;
use chat_processor::actor::Actor;
use chat_processor::commands::export;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::app::App;
use crate::http::caller::{Caller, Downloader};
use crate::http::download::Download;
use crate::http::extract::id;
use crate::http::problem::Problem;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/me/export", post(ask))
        .route("/me/export/{id}", get(show))
        .route("/me/export/{id}/file", get(download))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    export_id: ExportId,
}

#[derive(Serialize)]
struct Shown {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let export_id = export::ask(&app.context, &caller.actor(&app)).await?;
    Ok((StatusCode::ACCEPTED, Json(Asked { export_id })))
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(export): Path<String>,
) -> Result<Json<Shown>, Problem> {
    let export: ExportId = id("id", &export)?;
    let state = export::state(&app.context, &caller.actor(&app), export).await?;
    let (status, url) = match state {
        ExportState::Pending => ("pending", None),
        ExportState::Ready { .. } => ("ready", Some(format!("/api/v1/me/export/{export}/file"))),
        ExportState::Failed => ("failed", None),
    };
    Ok(Json(Shown { status, url }))
}

async fn download(
    State(app): State<Arc<App>>,
    Downloader(identity): Downloader,
    Path(export): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let export: ExportId = id("id", &export)?;
    let actor = Actor {
        user_id: identity.user_id,
        session_id: identity.session_id,
        socket_id: None,
        ip: None,
        gateway_id: Arc::clone(&app.config.gateway_id),
    };
    let ExportState::Ready { .. } = export::state(&app.context, &actor, export).await? else {
        return Err(Refusal::new(ErrorCode::NotFound, "The export is not ready.").into());
    };
    let download = Download {
        object: ObjectName::export(export),
        size: None,
        mime_type: "application/zip",
        file_name: "chat-export.zip",
        etag: None,
    };
    download.answer(&app.objects, &headers).await
}
