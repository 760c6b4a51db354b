//! One client: a connection's place in one namespace, with the user it belongs to.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chat_core::ids::{RoomId, SessionId, UserId};
use chat_core::protocol::objects::UserRole;
use chat_core::time::Timestamp;
use engineioxide::{DisconnectReason, Socket, Str};
use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;

use super::connection::Connection;
use super::events::{Confirming, Incoming};
use super::lane::Lane;
use super::namespace::Namespace;
use super::packet;
use crate::auth::Identity;
use crate::dialects::Dialect;
use crate::dialects::audience::Audience;

/// A connected client.
pub(crate) struct Client {
    /// Its id; another one in each namespace.
    pub(crate) id: String,
    /// Where it sits.
    pub(crate) namespace: Namespace,
    /// What it hears.
    pub(crate) audience: Audience,
    /// Whose it is.
    pub(crate) user_id: UserId,
    /// Of which login.
    pub(crate) session_id: Option<SessionId>,
    /// Its events, in order.
    pub(crate) lane: Lane<Incoming>,
    /// Its jobs that are on their way to the broker, in the same order.
    pub(crate) confirms: Lane<Confirming>,
    is_guest: bool,
    expires_at_secs: AtomicI64,
    /// Set once it is told nothing any more.
    gone: AtomicBool,
    engine: Weak<Socket<Connection>>,
    /// Users whose presence it asked to hear of.
    watched: Mutex<Vec<UserId>>,
    /// Rooms that it looks at right now, in the dialects that tell only those who do.
    viewed: Mutex<Vec<RoomId>>,
}

/// How long the answers to a client's own events wait for it to read.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether it has read.
const ROOM_EVERY: Duration = Duration::from_millis(5);

/// Most users whose presence one client hears of beyond its contacts.
const MOST_WATCHED: usize = 1000;

/// Most rooms that one client looks at.
const MOST_VIEWED: usize = 1000;

impl Client {
    pub(crate) fn new(
        namespace: Namespace,
        audience: Audience,
        identity: &Identity,
        engine: &Arc<Socket<Connection>>,
    ) -> Self {
        Self {
            id: engineioxide::socket::Sid::new().to_string(),
            is_guest: false,
            namespace,
            audience,
            user_id: identity.user_id,
            session_id: identity.session_id,
            lane: Lane::default(),
            confirms: Lane::default(),
            expires_at_secs: AtomicI64::new(identity.expires_at.unix_seconds()),
            gone: AtomicBool::new(false),
            engine: Arc::downgrade(engine),
            watched: Mutex::default(),
            viewed: Mutex::default(),
        }
    }

    /// A client that is to say later whose it is.
    pub(crate) fn guest(
        namespace: Namespace,
        audience: Audience,
        engine: &Arc<Socket<Connection>>,
    ) -> Self {
        let nobody = Identity {
            user_id: UserId::from(uuid::Uuid::nil()),
            session_id: None,
            role: UserRole::User,
            expires_at: Timestamp::now(),
        };
        Self {
            is_guest: true,
            ..Self::new(namespace, audience, &nobody, engine)
        }
    }

    /// The same socket, now of this user.
    pub(crate) fn of_user(&self, identity: &Identity, engine: &Arc<Socket<Connection>>) -> Self {
        Self {
            id: self.id.clone(),
            ..Self::new(self.namespace, self.audience, identity, engine)
        }
    }

    /// Whether it has not said yet whose it is.
    pub(crate) const fn is_guest(&self) -> bool {
        self.is_guest
    }

    /// The engine's connection, unless it is gone.
    pub(crate) fn engine(&self) -> Option<Arc<Socket<Connection>>> {
        self.engine.upgrade()
    }

    /// Notes a user whose presence it wants to hear of; `false` if it does already, or hears of too many.
    pub(crate) fn note_watched(&self, user: UserId) -> bool {
        let mut watched = self.watched();
        if watched.len() >= MOST_WATCHED || watched.contains(&user) {
            return false;
        }
        watched.push(user);
        true
    }

    /// The opposite; `false` if it did not.
    pub(crate) fn forget_watched(&self, user: UserId) -> bool {
        let mut watched = self.watched();
        let before = watched.len();
        watched.retain(|other| *other != user);
        watched.len() < before
    }

    /// All users whose presence it wanted to hear of, once.
    pub(crate) fn take_watched(&self) -> Vec<UserId> {
        std::mem::take(&mut *self.watched())
    }

    /// Lets it look at a room; `false` if it does already, or looks at too many.
    pub(crate) fn view(&self, room: RoomId) -> bool {
        let mut viewed = self.viewed();
        if viewed.len() >= MOST_VIEWED || viewed.contains(&room) {
            return false;
        }
        viewed.push(room);
        true
    }

    /// The opposite.
    pub(crate) fn look_away(&self, room: RoomId) {
        self.viewed().retain(|other| *other != room);
    }

    /// Whether it looks at a room.
    pub(crate) fn views(&self, room: RoomId) -> bool {
        self.viewed().contains(&room)
    }

    fn viewed(&self) -> MutexGuard<'_, Vec<RoomId>> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.viewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, Vec<UserId>> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the end of the token's life, after `session.refresh`.
    pub(crate) fn extend(&self, expires_at: Timestamp) {
        self.expires_at_secs
            .store(expires_at.unix_seconds(), Ordering::Relaxed);
    }

    /// Whether its token has expired.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at_secs.load(Ordering::Relaxed) <= now.unix_seconds()
    }

    /// Emits an event of ours to this client alone.
    pub(crate) fn emit<T: Serialize + ?Sized>(&self, name: &str, payload: &T) {
        match serde_json::to_string(payload) {
            Ok(payload) => self.send(packet::event(self.namespace, name, &payload)),
            Err(error) => tracing::error!(%error, event = name, "an event could not be encoded"),
        }
    }

    /// Whether it hears this dialect.
    pub(crate) const fn hears(&self, dialect: Dialect) -> bool {
        self.audience.hears(dialect)
    }

    /// Sends an encoded packet. A client that does not keep up is closed, to resume: it is never silently short of one.
    pub(crate) fn send(&self, packet: Str) {
        if self.gone.load(Ordering::Relaxed) {
            return;
        }
        let Some(engine) = self.engine.upgrade() else {
            return;
        };
        if let Err(TrySendError::Full(_)) = engine.emit(packet) {
            tracing::debug!(socket = %self.id, "a client does not keep up and is closed");
            self.close_transport();
        }
    }

    /// Waits until an answer can be sent without closing the client for not keeping up; `false` if it never can.
    pub(crate) async fn has_room(&self) -> bool {
        let patience = tokio::time::Instant::now() + ANSWER_PATIENCE;
        loop {
            let Some(engine) = self.engine.upgrade() else {
                return true;
            };
            match engine.reserve() {
                Err(TrySendError::Full(())) if tokio::time::Instant::now() < patience => {}
                Err(TrySendError::Full(())) => return false,
                Ok(_) | Err(TrySendError::Closed(())) => return true,
            }
            drop(engine);
            tokio::time::sleep(ROOM_EVERY).await;
        }
    }

    /// Closes the connection under it. A stock client connects again and resumes.
    pub(crate) fn close_transport(&self) {
        self.gone.store(true, Ordering::Relaxed);
        if let Some(engine) = self.engine.upgrade() {
            engine.close(DisconnectReason::TransportClose);
        }
    }

    /// Sends it out of its namespace. A stock client does not come back by itself.
    pub(crate) fn disconnect(&self) {
        self.send(packet::disconnect(self.namespace));
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
