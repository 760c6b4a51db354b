//! Messages that were stored and did not come by.

use chat_backends::postgres::messages;
use chat_backends::redis::ring;
use chat_core::ids::RoomId;
use serde_json::value::{RawValue, to_raw_value};

use crate::app::App;

/// The messages of these ascending numbers, each as its JSON: from the room's ring, else from Postgres. `None` if neither
/// can say.
pub(super) async fn read(app: &App, room: RoomId, missing: &[i64]) -> Option<Vec<Box<RawValue>>> {
    let (first, last) = (missing.first()?, missing.last()?);
    let range = ring::after(&app.context.redis, room, first - 1, *last).await;
    if let Ok(range) = range
        && range.complete
    {
        let wanted = range
            .entries
            .into_iter()
            .filter(|entry| missing.contains(&entry.seq));
        return wanted
            .map(|entry| RawValue::from_string(entry.message).ok())
            .collect();
    }
    let places: Vec<(RoomId, i64)> = missing.iter().map(|seq| (room, *seq)).collect();
    let load = async {
        let mut connection = app.context.pg.acquire().await?;
        messages::load(&mut connection, None, &places, true).await
    };
    let messages = load
        .await
        .inspect_err(|error| tracing::warn!(%error, "missed messages could not be read"))
        .ok()?;
    messages
        .iter()
        .map(|message| to_raw_value(message).ok())
        .collect()
}
