//! Who is connected to this gateway, by user and by room.
//!
//! Rooms belong to users here, not to sockets: all sockets of a member hear the room, also those that connect later.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chat_core::ids::{RoomId, UserId};

use super::client::Client;
use crate::metrics::Metrics;

/// The clients of this gateway.
pub(crate) struct Hub {
    state: RwLock<State>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    users: HashMap<UserId, LocalUser>,
    rooms: HashMap<RoomId, Vec<UserId>>,
    watchers: HashMap<UserId, Vec<Arc<Client>>>,
    clients: usize,
}

#[derive(Default)]
struct LocalUser {
    clients: Vec<Arc<Client>>,
    rooms: Vec<RoomId>,
}

/// What changed for the channels that this gateway listens to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Whether the user came with this client, or left with it.
    pub(crate) user: bool,
    /// Rooms that got their first local member, or lost their last.
    pub(crate) rooms: Vec<RoomId>,
}

impl Hub {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            state: RwLock::default(),
            metrics,
        }
    }

    /// Adds a client; says whether its user is new here. The oldest of too many clients is given back to be closed.
    pub(crate) fn add(
        &self,
        client: &Arc<Client>,
        most_of_a_user: usize,
    ) -> (Changed, Option<Arc<Client>>) {
        let mut state = self.write();
        state.clients += 1;
        let user = state.users.entry(client.user_id).or_default();
        let is_new = user.clients.is_empty();
        user.clients.push(Arc::clone(client));
        let surplus = (user.clients.len() > most_of_a_user).then(|| Arc::clone(&user.clients[0]));
        self.metrics.connections(client.namespace).inc();
        let changed = Changed {
            user: is_new,
            rooms: Vec::new(),
        };
        (changed, surplus)
    }

    /// Removes a client; says what nobody here listens to any more. A second call changes nothing.
    pub(crate) fn remove(&self, client: &Client) -> Option<Changed> {
        let mut state = self.write();
        let user = state.users.get_mut(&client.user_id)?;
        let index = user
            .clients
            .iter()
            .position(|other| other.id == client.id)?;
        user.clients.remove(index);
        let is_last = user.clients.is_empty();
        state.clients -= 1;
        self.metrics.connections(client.namespace).dec();
        if !is_last {
            return Some(Changed::default());
        }
        let rooms = state
            .users
            .remove(&client.user_id)
            .map(|user| user.rooms)
            .unwrap_or_default();
        let emptied = rooms
            .into_iter()
            .filter(|room| state.drop_member(*room, client.user_id))
            .collect();
        Some(Changed {
            user: true,
            rooms: emptied,
        })
    }

    /// Adds a connected user to rooms; gives those that had no local member before.
    pub(crate) fn join(&self, user: UserId, rooms: &[RoomId]) -> Vec<RoomId> {
        let mut state = self.write();
        let State {
            users,
            rooms: by_room,
            ..
        } = &mut *state;
        let Some(local) = users.get_mut(&user) else {
            return Vec::new();
        };
        let mut first = Vec::new();
        for room in rooms {
            let members = match by_room.entry(*room) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    first.push(*room);
                    entry.insert(Vec::with_capacity(1))
                }
            };
            if !members.contains(&user) {
                members.push(user);
                local.rooms.push(*room);
            }
        }
        first
    }

    /// Takes a user out of a room; says whether it was the last local member.
    pub(crate) fn leave(&self, user: UserId, room: RoomId) -> bool {
        let mut state = self.write();
        if let Some(local) = state.users.get_mut(&user) {
            local.rooms.retain(|joined| *joined != room);
        }
        state.drop_member(room, user)
    }

    /// Takes everybody out of a room.
    pub(crate) fn empty(&self, room: RoomId) -> bool {
        let mut state = self.write();
        let members = state.rooms.remove(&room);
        for member in members.iter().flatten() {
            if let Some(local) = state.users.get_mut(member) {
                local.rooms.retain(|joined| *joined != room);
            }
        }
        members.is_some()
    }

    /// Calls `f` for every client of a user.
    pub(crate) fn each_of_user(&self, user: UserId, mut f: impl FnMut(&Arc<Client>)) {
        if let Some(user) = self.read().users.get(&user) {
            user.clients.iter().for_each(&mut f);
        }
    }

    /// Calls `f` for every client of every member of a room.
    pub(crate) fn each_in_room(&self, room: RoomId, mut f: impl FnMut(&Arc<Client>)) {
        let state = self.read();
        for member in state.rooms.get(&room).into_iter().flatten() {
            if let Some(user) = state.users.get(member) {
                user.clients.iter().for_each(&mut f);
            }
        }
    }

    /// Lets a client hear of the presence of `watched`; says whether it is the first to.
    pub(crate) fn watch(&self, client: &Arc<Client>, watched: UserId) -> bool {
        let mut state = self.write();
        let watchers = state.watchers.entry(watched).or_default();
        let is_first = watchers.is_empty();
        if !watchers.iter().any(|other| other.id == client.id) {
            watchers.push(Arc::clone(client));
        }
        is_first
    }

    /// The opposite; says whether nobody watches any more.
    pub(crate) fn unwatch(&self, client: &Client, watched: UserId) -> bool {
        let mut state = self.write();
        let Some(watchers) = state.watchers.get_mut(&watched) else {
            return false;
        };
        watchers.retain(|other| other.id != client.id);
        let is_last = watchers.is_empty();
        if is_last {
            state.watchers.remove(&watched);
        }
        is_last
    }

    /// Calls `f` for every client that watches a user's presence.
    pub(crate) fn each_watcher(&self, watched: UserId, mut f: impl FnMut(&Arc<Client>)) {
        if let Some(watchers) = self.read().watchers.get(&watched) {
            watchers.iter().for_each(&mut f);
        }
    }

    /// Everybody.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        let state = self.read();
        state
            .users
            .values()
            .flat_map(|user| &user.clients)
            .cloned()
            .collect()
    }

    /// Those of whom `wanted` holds.
    pub(crate) fn clients_where(&self, wanted: impl Fn(&Client) -> bool) -> Vec<Arc<Client>> {
        let state = self.read();
        let clients = state.users.values().flat_map(|user| &user.clients);
        clients.filter(|client| wanted(client)).cloned().collect()
    }

    /// Whether a client is still here.
    pub(crate) fn has_client(&self, client: &Client) -> bool {
        let state = self.read();
        let user = state.users.get(&client.user_id);
        user.is_some_and(|user| user.clients.iter().any(|other| other.id == client.id))
    }

    /// How many clients there are.
    pub(crate) fn len(&self) -> usize {
        self.read().clients
    }

    /// Whether somebody here needs a user's channel: a client of the user's, or a watcher.
    pub(crate) fn needs_user(&self, user: UserId) -> bool {
        let state = self.read();
        state.users.contains_key(&user) || state.watchers.contains_key(&user)
    }

    /// All rooms that have a local member.
    pub(crate) fn rooms(&self) -> Vec<RoomId> {
        self.read().rooms.keys().copied().collect()
    }

    /// Whether a user with a client here is in a room.
    pub(crate) fn is_in(&self, user: UserId, room: RoomId) -> bool {
        let state = self.read();
        let members = state.rooms.get(&room);
        members.is_some_and(|members| members.contains(&user))
    }

    /// Whether a room has a local member.
    pub(crate) fn has_room(&self, room: RoomId) -> bool {
        self.read().rooms.contains_key(&room)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a user out of a room; says whether the room is empty now.
    fn drop_member(&mut self, room: RoomId, user: UserId) -> bool {
        let Some(members) = self.rooms.get_mut(&room) else {
            return false;
        };
        members.retain(|member| *member != user);
        let emptied = members.is_empty();
        if emptied {
            self.rooms.remove(&room);
        }
        emptied
    }
}
