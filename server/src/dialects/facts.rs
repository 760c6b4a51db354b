//! What dialects spell out and canonical events only refer to: people's names, and who talks in which room.
//!
//! Remembered here, so that in steady state no message costs a query. A translation is tried with what is remembered;
//! if something is missing, the event takes the detour of [`crate::delivery::late`] and is translated after one look-up.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_backends::postgres::dialect_facts;
use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::RoomType;
use serde::Serialize;
use sqlx::PgPool;

/// How long a name is believed. A room never changes its kind, nor a dm its pair, but what nobody asks for is dropped.
const FRESH: Duration = Duration::from_secs(300);

/// How long it is believed that nothing could be found out.
const UNKNOWN_FRESH: Duration = Duration::from_secs(3);

/// How long a look-up may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most remembered facts of a kind; a full memory is emptied, which costs one query each.
const MOST: usize = 50_000;

/// A person as dialects name them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

/// A room as dialects refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Dm or group.
    pub(crate) kind: RoomType,
    /// The two members of a dm.
    pub(crate) pair: Option<(UserId, UserId)>,
}

impl Place {
    const GROUP: Self = Self {
        kind: RoomType::Group,
        pair: None,
    };

    /// Whom `user` talks to in this dm.
    pub(crate) fn peer_of(self, user: UserId) -> Option<UserId> {
        match self.pair? {
            (one, other) if one == user => Some(other),
            (one, other) if other == user => Some(one),
            _ => None,
        }
    }
}

/// What is remembered.
#[derive(Default)]
pub(crate) struct Facts {
    people: Memory<UserId, Person>,
    rooms: Memory<RoomId, Place>,
}

/// What a translation asked for and nobody remembers.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    people: BTreeSet<UserId>,
    rooms: BTreeSet<RoomId>,
}

impl Missing {
    /// Whether nothing is missing.
    pub(crate) fn is_empty(&self) -> bool {
        self.people.is_empty() && self.rooms.is_empty()
    }
}

/// What is remembered, as one translation sees it.
pub(crate) struct Known<'a> {
    facts: &'a Facts,
    missing: RefCell<Missing>,
}

impl<'a> Known<'a> {
    pub(crate) fn of(facts: &'a Facts) -> Self {
        Self {
            facts,
            missing: RefCell::default(),
        }
    }

    /// A person; without a name while it is not known.
    pub(crate) fn person(&self, user: UserId) -> Person {
        self.facts.people.get(user).unwrap_or_else(|| {
            self.missing.borrow_mut().people.insert(user);
            nameless(user)
        })
    }

    /// A room; a group while it is not known.
    pub(crate) fn place(&self, room: RoomId) -> Place {
        self.facts.rooms.get(room).unwrap_or_else(|| {
            self.missing.borrow_mut().rooms.insert(room);
            Place::GROUP
        })
    }

    /// What was asked for in vain.
    pub(crate) fn missing(self) -> Missing {
        self.missing.into_inner()
    }
}

impl Facts {
    /// Finds out what is missing, within a bounded time. What can't be found out is remembered as unknown for a moment.
    pub(crate) async fn look_up(&self, pg: &PgPool, missing: &Missing) {
        match tokio::time::timeout(PATIENCE, self.ask(pg, missing)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "names for a dialect could not be read"),
            Err(_) => tracing::warn!("names for a dialect took too long"),
        }
        for user in &missing.people {
            self.people.fill(*user, nameless(*user));
        }
        for room in &missing.rooms {
            self.rooms.fill(*room, Place::GROUP);
        }
    }

    async fn ask(&self, pg: &PgPool, missing: &Missing) -> Result<(), sqlx::Error> {
        if !missing.people.is_empty() {
            let users: Vec<UserId> = missing.people.iter().copied().collect();
            for found in dialect_facts::people(pg, &users).await? {
                let person = Person {
                    id: found.user_id,
                    first_name: found.first_name,
                    last_name: found.last_name,
                };
                self.people.insert(person.id, person, FRESH);
            }
        }
        if !missing.rooms.is_empty() {
            let rooms: Vec<RoomId> = missing.rooms.iter().copied().collect();
            for found in dialect_facts::rooms(pg, &rooms).await? {
                let pair = match found.pair[..] {
                    [one, other] => Some((one, other)),
                    _ => None,
                };
                let kind = found.kind;
                self.rooms
                    .insert(found.room_id, Place { kind, pair }, FRESH);
            }
        }
        Ok(())
    }

    /// Looks up whatever of this is not remembered.
    pub(crate) async fn ensure(&self, pg: &PgPool, people: &[UserId], rooms: &[RoomId]) {
        let known = Known::of(self);
        for user in people {
            known.person(*user);
        }
        for room in rooms {
            known.place(*room);
        }
        let missing = known.missing();
        if !missing.is_empty() {
            self.look_up(pg, &missing).await;
        }
    }

    /// One person, asked for if need be.
    pub(crate) async fn person(&self, pg: &PgPool, user: UserId) -> Person {
        self.ensure(pg, &[user], &[]).await;
        Known::of(self).person(user)
    }
}

const fn nameless(id: UserId) -> Person {
    Person {
        id,
        first_name: String::new(),
        last_name: String::new(),
    }
}

struct Memory<K, V>(Mutex<HashMap<K, (V, Instant)>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Memory<K, V> {
    fn get(&self, key: K) -> Option<V> {
        let (value, until) = self.lock().get(&key).cloned()?;
        (until > Instant::now()).then_some(value)
    }

    fn insert(&self, key: K, value: V, fresh: Duration) {
        let mut memory = self.lock();
        if memory.len() >= MOST {
            memory.clear();
        }
        memory.insert(key, (value, Instant::now() + fresh));
    }

    /// Remembers `value` for a moment, unless something is known.
    fn fill(&self, key: K, value: V) {
        if self.get(key).is_none() {
            self.insert(key, value, UNKNOWN_FRESH);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, (V, Instant)>> {
        // Plain data: a panic elsewhere can't have left it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_remembered_is_missing_and_stays_blank() {
        let (facts, user) = (Facts::default(), UserId::now_v7());
        let known = Known::of(&facts);
        assert_eq!(known.person(user), nameless(user));
        assert!(!known.missing().is_empty());
        let person = Person {
            id: user,
            first_name: "Ann".to_owned(),
            last_name: "Lee".to_owned(),
        };
        facts.people.insert(user, person.clone(), FRESH);
        let known = Known::of(&facts);
        assert_eq!(known.person(user), person);
        assert!(known.missing().is_empty());
    }

    #[test]
    fn what_was_believed_long_enough_is_asked_for_again() {
        let (facts, room) = (Facts::default(), RoomId::now_v7());
        facts.rooms.insert(room, Place::GROUP, Duration::ZERO);
        assert_eq!(facts.rooms.get(room), None);
    }

    #[test]
    fn the_peer_of_a_dm_is_the_other_one() {
        let (one, other) = (UserId::now_v7(), UserId::now_v7());
        let place = Place {
            kind: RoomType::Dm,
            pair: Some((one, other)),
        };
        assert_eq!(place.peer_of(one), Some(other));
        assert_eq!(place.peer_of(other), Some(one));
        assert_eq!(place.peer_of(UserId::now_v7()), None);
        assert_eq!(Place::GROUP.peer_of(one), None);
    }
}
