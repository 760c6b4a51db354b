//! Live views: rooms that sockets look at, in the dialects that tell only those who do.

use chat_backends::redis::fanout_publisher::{self, Broadcast};
use chat_core::error::Refusal;
use chat_core::fanout::{Fanout, LookAway};
use chat_core::ids::{RoomId, UserId};
use chat_core::names;
use chat_processor::failure::unavailable;

use crate::app::App;

/// All sockets of a user look away from a room, on every gateway.
///
/// # Errors
/// `unavailable` if the other gateways can't be told.
pub(crate) async fn close(app: &App, user: UserId, room: RoomId) -> Result<(), Refusal> {
    close_here(app, user, room);
    let look_away = LookAway {
        room_id: room,
        gateway_id: app.config.gateway_id.as_ref().to_owned(),
    };
    let payload = Fanout::look_away(&look_away).and_then(|fanout| serde_json::to_string(&fanout));
    let payload = payload.map_err(|error| unavailable(&error))?;
    let broadcast = Broadcast {
        channel: names::fanout_user(user),
        payload,
    };
    fanout_publisher::publish(&app.context.redis, &[broadcast])
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(())
}

/// Another gateway's socket looked away. What this gateway said itself is done already, and may be undone by now.
pub(super) fn closed_elsewhere(app: &App, user: UserId, fanout: &Fanout) {
    match serde_json::from_str::<LookAway>(fanout.data.get()) {
        Ok(look_away) if *look_away.gateway_id != *app.config.gateway_id => {
            close_here(app, user, look_away.room_id);
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "a control event could not be read"),
    }
}

fn close_here(app: &App, user: UserId, room: RoomId) {
    app.hub.each_of_user(user, |client| client.look_away(room));
}
