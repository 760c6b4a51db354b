//! A connected user's rooms: all at the start, one more or one less later.

use std::collections::HashSet;
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
use crate::delivery::emit;
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
    let mut heard = HashSet::new();
    if is_new {
        let rooms = app
            .rooms_of
            .get(user)
            .await
            .map_err(|error| unavailable(&error))?;
        heard.extend(rooms.iter().copied());
        app.hub.join(user, &rooms);
        // All of them, not only those that are new here: another user's order for them may still be under way.
        if let Err(error) = app.subscriptions.listen(Some(user), &rooms).await {
            // They are made when Redis is back, and all sockets are told to catch up then.
            tracing::warn!(%error, "a user's channels are not subscribed yet");
        }
    }
    let mut heads = heads_of(app, user).await?;
    if is_new {
        // Those that the user came into before the user's own channel was heard.
        let rooms = heads.iter().map(|head| head.room_id);
        let unheard: Vec<RoomId> = rooms.filter(|room| !heard.contains(room)).collect();
        if !unheard.is_empty() {
            app.hub.join(user, &unheard);
            if let Err(error) = app.subscriptions.listen(None, &unheard).await {
                tracing::warn!(%error, "a user's new rooms are not subscribed yet");
            }
            heads = heads_of(app, user).await?;
        }
    }
    for head in &heads {
        app.heads.begin(head.room_id, head.last_seq);
    }
    Ok(heads)
}

async fn heads_of(app: &App, user: UserId) -> Result<Vec<RoomHead>, Refusal> {
    let heads = app.room_heads.get(user).await;
    heads.map_err(|error| unavailable(&error))
}

/// Listens to a room that a connected user came into, and sends what was said there since `from_seq`, before it was heard.
pub(super) async fn begin(app: &App, user: UserId, room: RoomId, from_seq: i64) {
    if let Err(error) = app.subscriptions.listen(None, &[room]).await {
        tracing::warn!(%error, %room, "a new room is not subscribed yet");
        return;
    }
    if let Err(error) = catch_up(app, user, room, from_seq).await {
        tracing::warn!(%error, %room, "a new room's first messages could not be read");
        resync(app, user, room);
    }
}

/// Takes a room from a connected user.
pub(super) fn leave(app: &Arc<App>, user: UserId, room: RoomId) {
    // Whoever comes in again has to look again.
    app.hub.each_of_user(user, |client| client.look_away(room));
    if app.hub.leave(user, room) {
        drop_unneeded(app, room);
    }
}

/// Takes a room that is gone from everybody.
pub(super) fn close(app: &Arc<App>, room: RoomId) {
    if app.hub.empty(room) {
        drop_unneeded(app, room);
    }
}

fn drop_unneeded(app: &Arc<App>, room: RoomId) {
    let listener = Arc::clone(app);
    app.tasks.spawn(async move {
        listener.subscriptions.drop_unneeded(None, &[room]).await;
    });
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
            Ok(fanout) => emit::emit(app, FanoutTarget::User(user), &fanout),
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
