//! Sequencing and idempotency against a pure model: what two workers and a gateway do at one time on Postgres must be
//! what the model does one after the other, in some order of theirs.
//!
//! The old consumer of a partition works beside the new one on the same jobs; both crash before the commit or between
//! commit and ack; clients send again under other job ids with other contents; gateways do sends directly beside the
//! queue. `PIPELINE_SEED` repeats a run; it takes no longer than [`LASTS`] or so.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_backends::redis::acknowledged;
use chat_core::ids::{JobId, RoomId, UserId};
use chat_core::job::{Act, Job, SendMessage};
use chat_core::protocol::server::ServerEvent;
use chat_processor::context::{Context, Policy};
use chat_processor::direct;
use chat_processor::effects::Effect;
use chat_processor::execute::execute;
use chat_processor::failure::Failure;
use chat_processor::order::StillQueued;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::runtime::Handle;

use crate::stage::{Stage, Stored, on_stage, send};

/// How long scripts are played.
const LASTS: Duration = Duration::from_secs(15);
const CASES: u32 = 48;
const ROOMS: usize = 2;
const PEOPLE: usize = 3;

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The broker takes a send.
    Send(Place),
    /// A client sends something again; the broker takes that now, or holds it back.
    Resend { again: Again, is_late: bool },
    /// Something that was held back comes into the queue.
    Arrive(Index),
    /// The consumer of the queue takes its head, beside the one before it and beside a gateway without a broker.
    Turn {
        before: Option<Shift>,
        consumer: Shift,
        gateway: Option<Direct>,
    },
}

#[derive(Debug, Clone, Copy)]
struct Place {
    room: usize,
    sender: usize,
}

#[derive(Debug, Clone)]
struct Again {
    which: Index,
    as_other_job: bool,
}

#[derive(Debug, Clone)]
enum Direct {
    New(Place),
    Again(Again),
}

#[derive(Debug, Clone, Copy)]
struct Shift {
    takes: usize,
    pauses: Duration,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    CrashBeforeCommit,
    CrashBeforeAck,
    /// The ack of the first few arrived.
    CrashDuringAck(usize),
    Ack,
}

fn place() -> impl Strategy<Value = Place> {
    (0..ROOMS, 0..PEOPLE).prop_map(|(room, sender)| Place { room, sender })
}

fn again() -> impl Strategy<Value = Again> {
    (any::<Index>(), any::<bool>()).prop_map(|(which, as_other_job)| Again {
        which,
        as_other_job,
    })
}

fn shift() -> impl Strategy<Value = Shift> {
    let end = prop_oneof![
        Just(End::CrashBeforeCommit),
        Just(End::CrashBeforeAck),
        (0_usize..6).prop_map(End::CrashDuringAck),
        Just(End::Ack),
        Just(End::Ack),
    ];
    (1_usize..7, 0_u64..6, end).prop_map(|(takes, millis, end)| Shift {
        takes,
        pauses: Duration::from_millis(millis),
        end,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let gateway = prop_oneof![
        place().prop_map(Direct::New),
        again().prop_map(Direct::Again)
    ];
    let turn = (option::of(shift()), shift(), option::of(gateway));
    prop_oneof![
        5 => place().prop_map(Step::Send),
        2 => (again(), any::<bool>()).prop_map(|(again, is_late)| Step::Resend { again, is_late }),
        1 => any::<Index>().prop_map(Step::Arrive),
        3 => turn.prop_map(|(before, consumer, gateway)| Step::Turn { before, consumer, gateway }),
    ]
}

/// What a room must hold.
#[derive(Debug, Clone, Default)]
struct Model {
    rooms: HashMap<RoomId, Vec<Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    client_msg_id: String,
    stored: Stored,
}

/// What a job's doer says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    seq: i64,
    content: String,
    /// Whether the whole room is told, or only the socket that sent it again.
    to_all: bool,
}

impl Model {
    fn apply(&mut self, job: &Job) -> Answer {
        let send = sent(job);
        let room = self.rooms.entry(job.room_id.unwrap()).or_default();
        let is_known = |kept: &Kept| {
            kept.stored.job == job.job_id
                || (kept.stored.sender, &kept.client_msg_id) == (job.user_id, &send.client_msg_id)
        };
        let place = room.iter().position(is_known).unwrap_or_else(|| {
            let stored = Stored {
                seq: i64::try_from(room.len()).unwrap() + 1,
                sender: job.user_id,
                job: job.job_id,
                content: send.content.clone(),
            };
            room.push(Kept {
                client_msg_id: send.client_msg_id.clone(),
                stored,
            });
            room.len() - 1
        });
        let stored = &room[place].stored;
        Answer {
            seq: stored.seq,
            content: stored.content.clone(),
            to_all: stored.job == job.job_id,
        }
    }

    fn holds(&self, job: &Job) -> bool {
        let kept = self.rooms.get(&job.room_id.unwrap());
        kept.is_some_and(|kept| {
            kept.iter()
                .any(|kept| kept.client_msg_id == sent(job).client_msg_id)
        })
    }
}

fn sent(job: &Job) -> &SendMessage {
    match &job.act {
        Act::SendMessage(send) => send,
        other => panic!("{other:?}"),
    }
}

/// What one of those who work at one time has committed.
struct Committed {
    jobs: Vec<Job>,
    /// `None` for a gateway, whose effects nobody returns.
    answers: Option<Vec<Answer>>,
    /// What must be stored before.
    after: Vec<Job>,
}

/// One script on rooms of its own.
struct Play<'a> {
    stage: &'a Stage,
    context: Context,
    people: Vec<UserId>,
    rooms: Vec<RoomId>,
    model: Model,
    /// As the broker keeps it: what is not acknowledged comes again, at its head and in its order.
    queue: VecDeque<Job>,
    held_back: Vec<Job>,
    /// Everything that was taken from a client.
    accepted: Vec<Job>,
    /// The sends of each member in each room that the broker has confirmed.
    confirmed: HashMap<(RoomId, UserId), Vec<Job>>,
    /// Jobs whose transaction was committed.
    done: HashSet<JobId>,
    number: u32,
}

impl<'a> Play<'a> {
    async fn new(stage: &'a Stage, people: &[UserId]) -> Self {
        let mut rooms = Vec::new();
        for _ in 0..ROOMS {
            rooms.push(stage.room(people).await);
        }
        Self {
            stage,
            context: Context {
                pg: stage.pool.clone(),
                redis: stage.redis.clone(),
                policy: Arc::new(Policy::default()),
            },
            people: people.to_vec(),
            rooms,
            model: Model::default(),
            queue: VecDeque::new(),
            held_back: Vec::new(),
            accepted: Vec::new(),
            confirmed: HashMap::new(),
            done: HashSet::new(),
            number: 0,
        }
    }

    async fn run(mut self, script: &[Step]) -> Result<(), TestCaseError> {
        for step in script {
            match step {
                Step::Send(place) => self.send(*place).await,
                Step::Resend { again, is_late } => {
                    let Some(again) = self.again(again) else {
                        continue;
                    };
                    if *is_late {
                        self.held_back.push(again);
                    } else {
                        self.confirm(again).await;
                    }
                }
                Step::Arrive(which) if !self.held_back.is_empty() => {
                    let place = which.index(self.held_back.len());
                    self.queue.push_back(self.held_back.swap_remove(place));
                }
                Step::Arrive(_) => {}
                Step::Turn {
                    before,
                    consumer,
                    gateway,
                } => self.turn(*before, *consumer, gateway.as_ref()).await?,
            }
        }
        self.queue.extend(std::mem::take(&mut self.held_back));
        let all = Shift {
            takes: usize::MAX,
            pauses: Duration::ZERO,
            end: End::Ack,
        };
        self.turn(None, all, None).await?;
        for job in &self.accepted {
            prop_assert!(self.model.holds(job), "lost: {job:?}");
        }
        for kept in self.model.rooms.values() {
            let stored: Vec<Stored> = kept.iter().map(|kept| kept.stored.clone()).collect();
            // Contents are numbers, and the first one of a client message id wins: no other can be read as a number.
            crate::stage::assert_in_order(&stored);
        }
        Ok(())
    }

    fn new_job(&mut self, place: Place) -> Job {
        let mut job = send(
            self.rooms[place.room],
            self.people[place.sender],
            &self.number.to_string(),
        );
        job.socket_id = Some("socket".to_owned());
        self.number += 1;
        job
    }

    fn again(&self, again: &Again) -> Option<Job> {
        if self.accepted.is_empty() {
            return None;
        }
        let mut job = again.which.get(&self.accepted).clone();
        if again.as_other_job {
            job.job_id = JobId::now_v7();
            if let Act::SendMessage(send) = &mut job.act {
                "not the first content".clone_into(&mut send.content);
            }
        }
        Some(job)
    }

    async fn send(&mut self, place: Place) {
        let job = self.new_job(place);
        self.accepted.push(job.clone());
        self.confirm(job).await;
    }

    /// The broker takes a send, and a gateway hears of it.
    async fn confirm(&mut self, job: Job) {
        let lane = (job.room_id.unwrap(), job.user_id);
        acknowledged::note(&self.stage.redis, lane.0, lane.1, job.job_id)
            .await
            .unwrap();
        self.confirmed.entry(lane).or_default().push(job.clone());
        self.queue.push_back(job);
    }

    async fn turn(
        &mut self,
        before: Option<Shift>,
        consumer: Shift,
        gateway: Option<&Direct>,
    ) -> Result<(), TestCaseError> {
        let direct_job = match gateway {
            Some(Direct::New(place)) => Some(self.new_job(*place)),
            Some(Direct::Again(again)) => self.again(again),
            None => None,
        };
        let (old, new, direct) = tokio::join!(
            self.work(before),
            self.work(Some(consumer)),
            self.process(direct_job.as_ref())
        );
        match consumer.end {
            End::Ack => drop(self.queue.drain(..consumer.takes.min(self.queue.len()))),
            End::CrashDuringAck(acks) => {
                let acks = acks.min(consumer.takes).min(self.queue.len());
                self.queue.drain(..acks);
            }
            End::CrashBeforeCommit | End::CrashBeforeAck => {}
        }
        let direct = direct.map_err(|failure| TestCaseError::fail(format!("{failure:?}")))?;
        self.accepted
            .extend(direct.iter().flat_map(|direct| direct.jobs.clone()));
        let committed: Vec<Committed> = [old, new, direct].into_iter().flatten().collect();
        self.explain(&committed).await?;
        let jobs = committed.iter().flat_map(|one| &one.jobs);
        self.done.extend(jobs.map(|job| job.job_id));
        Ok(())
    }

    /// A worker's transaction; `None` if it came to nothing.
    async fn work(&self, shift: Option<Shift>) -> Option<Committed> {
        let shift = shift?;
        let jobs: Vec<Job> = self.queue.iter().take(shift.takes).cloned().collect();
        if jobs.is_empty() {
            return None;
        }
        let mut transaction = self.stage.pool.begin().await.unwrap();
        let batch: Vec<&Job> = jobs.iter().collect();
        let effects = execute(&self.context, &mut transaction, &batch)
            .await
            .unwrap();
        tokio::time::sleep(shift.pauses).await;
        if shift.end == End::CrashBeforeCommit {
            transaction.rollback().await.unwrap();
            return None;
        }
        transaction.commit().await.unwrap();
        Some(Committed {
            answers: Some(effects.iter().map(|effects| answer(effects)).collect()),
            jobs,
            after: Vec::new(),
        })
    }

    /// A gateway that does a send itself; `None` if it may not do so now.
    async fn process(&self, job: Option<&Job>) -> Result<Option<Committed>, Failure> {
        let Some(job) = job else {
            return Ok(None);
        };
        let after = self.confirmed.get(&(job.room_id.unwrap(), job.user_id));
        let latest = after.and_then(|after| after.iter().map(|job| job.job_id).max());
        match direct::process(&self.context, job).await {
            Ok(()) => Ok(Some(Committed {
                jobs: vec![job.clone()],
                answers: None,
                after: after.cloned().unwrap_or_default(),
            })),
            Err(Failure::Unavailable(why))
                if why.is::<StillQueued>()
                    && latest.is_some_and(|latest| !self.done.contains(&latest)) =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Finds the order in which the model does the same, and lets it.
    async fn explain(&mut self, committed: &[Committed]) -> Result<(), TestCaseError> {
        let mut stored = HashMap::new();
        for room in &self.rooms {
            stored.insert(*room, self.stage.stored(*room).await);
        }
        let explained = orders(committed.len())
            .into_iter()
            .filter_map(|order| replay(self.model.clone(), committed, &order))
            .find(|model| {
                self.rooms.iter().all(|room| {
                    let kept = model.rooms.get(room).into_iter().flatten();
                    kept.map(|kept| &kept.stored).eq(&stored[room])
                })
            });
        self.model = explained.ok_or_else(|| {
            let jobs: Vec<&Vec<Job>> = committed.iter().map(|one| &one.jobs).collect();
            TestCaseError::fail(format!("no order explains {stored:?} after {jobs:?}"))
        })?;
        Ok(())
    }
}

fn answer(effects: &[Effect]) -> Answer {
    effects
        .iter()
        .find_map(|effect| match effect.fanout.typed().unwrap() {
            ServerEvent::MessageDelivered(message) => Some(Answer {
                seq: message.seq,
                content: message.content.unwrap(),
                to_all: effect.fanout.only_socket.is_none(),
            }),
            _ => None,
        })
        .expect("each send is answered by a message")
}

/// The model after these, if it answers as they did.
fn replay(mut model: Model, committed: &[Committed], order: &[usize]) -> Option<Model> {
    for one in order.iter().map(|place| &committed[*place]) {
        if !one.after.iter().all(|after| model.holds(after)) {
            return None;
        }
        let answers: Vec<Answer> = one.jobs.iter().map(|job| model.apply(job)).collect();
        if one.answers.as_ref().is_some_and(|said| *said != answers) {
            return None;
        }
    }
    Some(model)
}

/// All orders of so many.
fn orders(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![vec![]], |orders, next| {
        let with_next = |order: Vec<usize>| {
            (0..=order.len()).map(move |place| {
                let mut longer = order.clone();
                longer.insert(place, next);
                longer
            })
        };
        orders.into_iter().flat_map(with_next).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_workers_and_gateways_do_at_once_is_what_the_model_does_one_by_one() {
    let seed: u64 = std::env::var("PIPELINE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| {
            u64::from_be_bytes(JobId::random().uuid().as_bytes()[..8].try_into().unwrap())
        });
    eprintln!("PIPELINE_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let config = Config {
        cases: CASES,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    on_stage(1, async |stage| {
        let people = stage.users(PEOPLE).await;
        let (end, played) = (Instant::now() + LASTS, std::cell::Cell::new(0));
        let outcome = tokio::task::block_in_place(|| {
            TestRunner::new_with_rng(config, rng).run(&vec(step(), 5..40), |script| {
                if Instant::now() > end {
                    return Ok(());
                }
                played.set(played.get() + 1);
                Handle::current()
                    .block_on(async { Play::new(stage, &people).await.run(&script).await })
            })
        });
        eprintln!("{} scripts were played", played.get());
        if let Err(error) = outcome {
            panic!("PIPELINE_SEED={seed}: {error}");
        }
        assert!(played.get() > 0);
    })
    .await;
}
