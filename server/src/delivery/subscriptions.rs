//! The fan-out channels that this gateway needs: those of the users and rooms that are connected here.

use std::sync::Arc;

use chat_backends::redis::fanout_subscriber::{FanoutSubscriber, NotSubscribed};
use chat_core::ids::{RoomId, UserId};
use chat_core::names;
use futures::FutureExt;
use tokio::sync::Mutex;

use super::heads::Heads;
use crate::sockets::hub::Hub;

/// Subscribes on the first need and unsubscribes after the last.
pub(crate) struct Subscriptions {
    subscriber: FanoutSubscriber,
    hub: Arc<Hub>,
    heads: Arc<Heads>,
    /// Held while orders are placed: what the hub says and what is ordered must not overtake each other.
    ordering: Mutex<()>,
}

impl Subscriptions {
    pub(crate) fn new(subscriber: FanoutSubscriber, hub: Arc<Hub>, heads: Arc<Heads>) -> Self {
        Self {
            subscriber,
            hub,
            heads,
            ordering: Mutex::default(),
        }
    }

    /// Whether this gateway hears anything at all.
    pub(crate) fn is_healthy(&self) -> bool {
        self.subscriber.is_healthy()
    }

    /// Listens to a user and to rooms, and returns once nothing of theirs is missed any more.
    pub(crate) async fn listen(
        &self,
        user: Option<UserId>,
        rooms: &[RoomId],
    ) -> Result<(), NotSubscribed> {
        let channels: Vec<String> = user
            .map(names::fanout_user)
            .into_iter()
            .chain(rooms.iter().copied().map(names::fanout_room))
            .collect();
        if channels.is_empty() {
            return Ok(());
        }
        let mut subscribed = Box::pin(self.subscriber.subscribe(channels));
        let placed = {
            let _ordering = self.ordering.lock().await;
            // The first poll places the order; its confirmation is awaited outside, so that others may order too.
            subscribed.as_mut().now_or_never()
        };
        match placed {
            Some(result) => result,
            None => subscribed.await,
        }
    }

    /// Stops listening to what nobody here needs any more.
    pub(crate) async fn drop_unneeded(&self, user: Option<UserId>, rooms: &[RoomId]) {
        let _ordering = self.ordering.lock().await;
        let mut gone = rooms.to_vec();
        gone.retain(|room| !self.hub.has_room(*room));
        self.heads.forget(&gone);
        let channels: Vec<String> = user
            .filter(|user| !self.hub.needs_user(*user))
            .map(names::fanout_user)
            .into_iter()
            .chain(gone.into_iter().map(names::fanout_room))
            .collect();
        if !channels.is_empty() {
            self.subscriber.unsubscribe(channels).await;
        }
    }
}
