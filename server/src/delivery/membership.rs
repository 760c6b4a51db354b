//! A connected user's rooms: all at the start, one more or one less later.

use std::sync::Arc;

use chat_backends::postgres::messages::{self, Paging};
use chat_backends::postgres::rooms::RoomHead;
use chat_core::error::Refusal;
use chat_core::fanout::Fanout;
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use chat_core::names::FanoutTarget;
use chat_core::protocol::server::ServerEvent;
use chat_processor::failure::unavailable;

use crate::app::App;
use crate::delivery::pump;
use crate::dialects::Dialect;

/// Subscribes a user's rooms and says where they stand. The heads are read after the subscription: what is sent in
/// between is heard twice rather than never.
///
/// # Errors
/// `unavailable` while Postgres is away.
pub(crate) async fn attach(
    app: &App,
    user: UserId,
    is_new: bool,
) -> Result<Vec<RoomHead>, Refusal> {
    if is_new {
        let rooms = app
            .rooms_of
            .get(user)
            .await
            .map_err(|error| unavailable(&error))?;
        app.hub.join(user, &rooms);
        // All of them, not only those that are new here: another user's order for them may still be under way.
        if let Err(error) = app.subscriptions.listen(Some(user), &rooms).await {
            // They are made when Redis is back, and all sockets are told to catch up then.
            tracing::warn!(%error, "a user's channels are not subscribed yet");
        }
    }
    let heads = app
        .room_heads
        .get(user)
        .await
        .map_err(|error| unavailable(&error))?;
    for head in &heads {
        app.heads.begin(head.room_id, head.last_seq);
    }
    Ok(heads)
}

/// Adds a room to a connected user, and sends what was said there since `from_seq`, before the subscription stood.
pub(crate) async fn join(app: Arc<App>, user: UserId, room: RoomId, from_seq: i64) {
    let first = app.hub.join(user, &[room]);
    if first.is_empty() {
        return;
    }
    if let Err(error) = app.subscriptions.listen(None, &first).await {
        tracing::warn!(%error, %room, "a new room is not subscribed yet");
        return;
    }
    if let Err(error) = catch_up(&app, user, room, from_seq).await {
        tracing::warn!(%error, %room, "a new room's first messages could not be read");
        resync(&app, user, room);
    }
}

/// Takes a room from a connected user.
pub(crate) async fn leave(app: Arc<App>, user: UserId, room: RoomId) {
    // Whoever comes in again has to look again.
    app.hub.each_of_user(user, |client| client.look_away(room));
    if app.hub.leave(user, room) {
        app.subscriptions.drop_unneeded(None, &[room]).await;
    }
}

/// Takes a room that is gone from everybody.
pub(crate) async fn close(app: Arc<App>, room: RoomId) {
    if app.hub.empty(room) {
        app.subscriptions.drop_unneeded(None, &[room]).await;
    }
}

async fn catch_up(app: &App, user: UserId, room: RoomId, from_seq: i64) -> Result<(), sqlx::Error> {
    let mut connection = app.context.pg.acquire().await?;
    let page = messages::page(
        &mut connection,
        room,
        user,
        Paging::After(from_seq),
        limits::HISTORY_MAX,
        true,
    )
    .await?;
    app.heads.begin(room, page.next_after_seq.max(from_seq));
    for message in page.messages {
        match Fanout::new(&ServerEvent::MessageDelivered(message)) {
            Ok(fanout) => pump::emit(app, FanoutTarget::User(user), &fanout),
            Err(error) => tracing::error!(%error, "a message could not be encoded"),
        }
    }
    if page.has_more {
        resync(app, user, room);
    }
    Ok(())
}

fn resync(app: &App, user: UserId, room: RoomId) {
    let event = serde_json::json!({"roomId": room, "reason": "joined"});
    let name = ServerEvent::Resync {
        room_id: None,
        reason: String::new(),
    }
    .name();
    app.hub.each_of_user(user, |client| {
        if client.hears(Dialect::Canonical) {
            client.emit(name, &event);
        }
    });
}
