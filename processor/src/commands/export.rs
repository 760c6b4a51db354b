//! Exports of one's own data: asking for one, and how far it is.

use chat_backends::postgres::exports::{self, ExportState};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::ExportId;
use chat_core::time::Timestamp;

use crate::actor::Actor;
use crate::context::Context;
use crate::failure::unavailable;

/// Asks for an export; while one is being made, that is the one.
///
/// # Errors
/// `unavailable`.
pub async fn ask(context: &Context, actor: &Actor) -> Result<ExportId, Refusal> {
    let away = |error: sqlx::Error| unavailable(&error);
    let unfinished = exports::unfinished(&context.pg, actor.user_id).await;
    if let Some(export) = unfinished.map_err(away)? {
        return Ok(export);
    }
    let export = ExportId::random();
    exports::insert(&context.pg, export, actor.user_id, Timestamp::now())
        .await
        .map_err(away)?;
    Ok(export)
}

/// How far an export of the actor's is.
///
/// # Errors
/// `not_found`, `unavailable`.
pub async fn state(
    context: &Context,
    actor: &Actor,
    export: ExportId,
) -> Result<ExportState, Refusal> {
    exports::state(&context.pg, export, actor.user_id)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(|| Refusal::new(ErrorCode::NotFound, "There is no such export."))
}
