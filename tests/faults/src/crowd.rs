//! Many members in overlapping rooms, and the way to the end of a run: all sent, all acknowledged, all seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_backends::postgres::PgPool;
use chat_bench::deployment::{Deployment, SECRET};
use chat_bench::people;
use chat_core::ids::{RoomId, UserId};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::checker::{self, Verdict};
use crate::member::{self, Role, Shared, State};

/// How a crowd is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) members: usize,
    pub(crate) rooms: usize,
    /// Rooms of each member.
    pub(crate) rooms_each: usize,
    /// Messages in all, at least.
    pub(crate) sends: usize,
    /// Messages a second in all.
    pub(crate) rate: f64,
    pub(crate) comes_and_goes: Option<(Duration, Duration)>,
    pub(crate) seed: u64,
}

/// A crowd at work.
pub(crate) struct Crowd {
    pub(crate) rooms: Vec<RoomId>,
    pub(crate) members: Vec<Arc<Shared>>,
    pool: PgPool,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Longest wait for the last acks and messages, once nothing is broken any more.
const SETTLE: Duration = Duration::from_secs(90);

/// Within one heartbeat, and some slack, a connected member notices what it missed, without asking.
const NOTICE: Duration = Duration::from_secs(30);

impl Crowd {
    /// Makes users and rooms, and lets the members begin.
    pub(crate) async fn start(chat: &Deployment, shape: Shape) -> anyhow::Result<Self> {
        let pool = chat.backends.pool()?;
        let users = people::users(&pool, shape.members).await?;
        let of = |number: usize| {
            (0..shape.rooms_each).map(move |offset| (number + offset * 3) % shape.rooms)
        };
        let mut members: Vec<Vec<UserId>> = vec![Vec::new(); shape.rooms];
        for (number, user) in users.iter().enumerate() {
            for room in of(number) {
                members[room].push(*user);
            }
        }
        let rooms = people::rooms(&pool, &members).await?;
        let stop = CancellationToken::new();
        let mut crowd = Self {
            rooms,
            members: Vec::new(),
            pool,
            stop,
            tasks: Vec::new(),
        };
        #[expect(clippy::cast_precision_loss, reason = "a crowd is small")]
        let pause = Duration::from_secs_f64(shape.members as f64 / shape.rate);
        for (number, user) in users.iter().enumerate() {
            let role = Role {
                user: *user,
                token: people::token(SECRET, *user)?,
                rooms: of(number).map(|room| crowd.rooms[room]).collect(),
                gateways: chat
                    .gateways
                    .iter()
                    .map(|gateway| gateway.address)
                    .collect(),
                sends: shape.sends.div_ceil(shape.members),
                pause,
                comes_and_goes: shape.comes_and_goes,
                seed: shape
                    .seed
                    .wrapping_mul(1_000_003)
                    .wrapping_add(u64::try_from(number)?),
            };
            let shared = Arc::new(Shared::default());
            // Known before the task runs: nobody may take it for somebody who is done.
            shared.lock().open = role.sends;
            crowd.members.push(Arc::clone(&shared));
            crowd
                .tasks
                .push(tokio::spawn(member::live(role, shared, crowd.stop.clone())));
        }
        Ok(crowd)
    }

    /// Messages that are not acknowledged yet.
    pub(crate) fn open(&self) -> usize {
        self.members.iter().map(|member| member.lock().open).sum()
    }

    /// Waits until everything is acknowledged and seen, then compares. Second: members that had to be told to ask.
    pub(crate) async fn finish(
        self,
        patience: Duration,
    ) -> anyhow::Result<(Verdict, usize, Vec<State>)> {
        until(patience + SETTLE, || self.open() == 0).await;
        let unacknowledged = self.open();
        let began = Instant::now();
        let mut late = 0;
        loop {
            let behind = self.behind().await?;
            let all_stored = self.stored().await? >= self.acknowledged();
            if behind.is_empty() && all_stored || began.elapsed() > SETTLE {
                break;
            }
            if began.elapsed() > NOTICE && late == 0 && all_stored {
                late = behind.len();
                for member in behind {
                    member.lock().is_to_ask = true;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.stop.cancel();
        for task in self.tasks {
            task.await?;
        }
        let stored = checker::stored(&self.pool, &self.rooms).await?;
        self.pool.close().await;
        let states: Vec<State> = self
            .members
            .iter()
            .map(|member| std::mem::take(&mut *member.lock()))
            .collect();
        let sent: Vec<_> = states
            .iter()
            .flat_map(|state| state.sent.iter().cloned())
            .collect();
        let views: Vec<_> = states.iter().map(|state| state.view.clone()).collect();
        let mut verdict = checker::check(&stored, &sent, &views);
        if unacknowledged > 0 {
            verdict.other += unacknowledged;
            verdict
                .problems
                .push(format!("{unacknowledged} sends were never acknowledged"));
        }
        Ok((verdict, late, states))
    }

    /// How many sends were acknowledged; some may still be in the broker's queues.
    fn acknowledged(&self) -> usize {
        let of = |member: &Arc<Shared>| {
            let state = member.lock();
            let acknowledged = state.sent.iter().filter(|sent| sent.acknowledged.is_some());
            acknowledged.count()
        };
        self.members.iter().map(of).sum()
    }

    async fn stored(&self) -> anyhow::Result<usize> {
        let rooms: Vec<uuid::Uuid> = self.rooms.iter().map(|room| room.uuid()).collect();
        let stored: i64 =
            sqlx::query_scalar("SELECT count(*) FROM messages WHERE room_id = ANY($1)")
                .bind(rooms)
                .fetch_one(&self.pool)
                .await?;
        Ok(usize::try_from(stored)?)
    }

    /// Members who have not seen everything that is stored.
    async fn behind(&self) -> anyhow::Result<Vec<&Arc<Shared>>> {
        let rows: Vec<(uuid::Uuid, i64)> = sqlx::query_as("SELECT room_id, last_seq FROM rooms")
            .fetch_all(&self.pool)
            .await?;
        let heads: std::collections::HashMap<_, _> = rows.into_iter().collect();
        let is_behind =
            |member: &&Arc<Shared>| {
                let state = member.lock();
                state.view.rooms.iter().any(|(room, view)| {
                    heads.get(room).is_some_and(|head| view.complete_to < *head)
                })
            };
        Ok(self.members.iter().filter(is_behind).collect())
    }
}

/// Polls until it is so, or time is up.
async fn until(limit: Duration, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() && began.elapsed() < limit {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
