//! What a test stands on: a database, queues, people in rooms, and workers that can be cut off.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_backends::config::{PostgresConfig, RabbitConfig, RedisConfig};
use chat_backends::postgres::rooms::{self, NewGroup};
use chat_backends::postgres::users::{self, NewUser};
use chat_backends::postgres::{self, PgPool};
use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::dead_letter::{DeadLetter, DeadLetterDesk};
use chat_backends::rabbitmq::publisher::Publisher;
use chat_backends::rabbitmq::topology;
use chat_backends::redis::Redis;
use chat_backends::redis::fanout_subscriber::{FanoutEvent, FanoutSubscriber};
use chat_backends::redis::heartbeat::Heartbeats;
use chat_core::fanout::Fanout;
use chat_core::ids::{Id, JobId, MessageId, RoomId, UserId};
use chat_core::job::{Act, Job, SendMessage, VERSION};
use chat_core::names;
use chat_core::partition;
use chat_core::protocol::objects::{JoinPolicy, MessageType, UserRole};
use chat_core::protocol::server::ServerEvent;
use chat_core::signing::KeyRing;
use chat_core::time::Timestamp;
use chat_processor::context::{Context, Policy};
use chat_processor::worker::health::Health;
use chat_processor::worker::ladder::Ladder;
use chat_processor::worker::metrics::WorkerMetrics;
use chat_processor::worker::{DEAD_AFTER, Worker};
use chat_test_support::database::Database;
use chat_test_support::{PATIENCE, eventually, queues, variable};
use futures::FutureExt;
use sqlx::Row;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// One test's backends.
pub(crate) struct Stage {
    pub(crate) pg: PostgresConfig,
    pub(crate) pool: PgPool,
    pub(crate) redis_config: RedisConfig,
    pub(crate) redis: Redis,
    pub(crate) rabbit: RabbitConfig,
    pub(crate) broker: Broker,
    pub(crate) keys: KeyRing,
    heartbeat_key: String,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// The backends as one worker sees them.
#[derive(Clone)]
pub(crate) struct Wiring {
    pub(crate) pg: PostgresConfig,
    pub(crate) redis: RedisConfig,
    pub(crate) rabbit: RabbitConfig,
    pub(crate) keys: KeyRing,
    /// One "second" of the retry ladder.
    pub(crate) ladder_unit: Duration,
}

/// A worker at work.
pub(crate) struct Running {
    pub(crate) stop: CancellationToken,
    pub(crate) health: Health,
    pub(crate) worker: Worker,
    task: JoinHandle<()>,
}

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) seq: i64,
    pub(crate) sender: UserId,
    pub(crate) job: JobId,
    pub(crate) content: String,
}

/// Everything that was heard on some channels.
#[derive(Clone)]
pub(crate) struct Heard {
    fanouts: Arc<Mutex<Vec<Fanout>>>,
}

/// Runs a test on backends of its own, which are removed whatever its outcome.
pub(crate) async fn on_stage(partitions: u16, test: impl AsyncFnOnce(&Stage)) {
    let database = Database::create().await;
    let pg = database.config();
    let pool = postgres::connect(&pg).unwrap();
    postgres::migrate(&pool).await.unwrap();

    let mut rabbit = queues::config(partitions);
    rabbit.confirm_timeout = PATIENCE;
    let broker = Broker::connect(&rabbit, "test").await.unwrap();
    topology::declare(&broker, &rabbit).await.unwrap();
    let redis_config = RedisConfig::from_url(variable("TEST_REDIS_URL")).unwrap();
    let redis = Redis::connect(&redis_config).await.unwrap();
    let stage = Stage {
        pg,
        pool,
        redis_config,
        redis,
        rabbit,
        broker,
        keys: KeyRing::parse("test:0123456789abcdef").unwrap(),
        heartbeat_key: format!("pipeline-{}:processors", JobId::random()),
        tasks: TaskTracker::new(),
        shutdown: CancellationToken::new(),
    };
    let outcome = AssertUnwindSafe(test(&stage)).catch_unwind().await;
    stage.shutdown.cancel();
    stage.tasks.close();
    drop(tokio::time::timeout(PATIENCE, stage.tasks.wait()).await);
    queues::remove(&stage.rabbit.names, stage.rabbit.partitions).await;
    stage.pool.close().await;
    database.remove().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

impl Stage {
    /// The backends as they are.
    pub(crate) fn wiring(&self) -> Wiring {
        Wiring {
            pg: self.pg.clone(),
            redis: self.redis_config.clone(),
            rabbit: self.rabbit.clone(),
            keys: self.keys.clone(),
            ladder_unit: Duration::from_millis(20),
        }
    }

    /// Starts a worker; its name is what Postgres knows its connections by.
    pub(crate) fn work(&self, name: &str, wiring: Wiring) -> Running {
        let options = wiring.pg.connect_options().application_name(name);
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(3))
            .connect_lazy_with(options);
        let health = Health::default();
        let worker = Worker {
            context: Context {
                pg: pool,
                redis: Redis::open(&wiring.redis).unwrap(),
                policy: Arc::new(Policy::default()),
            },
            ladder: Ladder::new(wiring.rabbit.max_retries).with_unit(wiring.ladder_unit),
            rabbitmq: Arc::new(wiring.rabbit),
            job_keys: wiring.keys,
            name: name.into(),
            heartbeats: Heartbeats::named(&self.heartbeat_key, DEAD_AFTER),
            metrics: WorkerMetrics::default(),
            health: health.clone(),
        };
        let stop = CancellationToken::new();
        let task = self.tasks.spawn(worker.clone().run(stop.clone(), PATIENCE));
        Running {
            stop,
            health,
            worker,
            task,
        }
    }

    pub(crate) async fn publisher(&self) -> Publisher {
        self.publisher_with(self.keys.clone()).await
    }

    pub(crate) async fn publisher_with(&self, keys: KeyRing) -> Publisher {
        self.publisher_over(self.rabbit.clone(), keys).await
    }

    pub(crate) async fn publisher_over(&self, rabbit: RabbitConfig, keys: KeyRing) -> Publisher {
        let publisher = Publisher::start(
            rabbit,
            keys,
            "test-publisher",
            &self.tasks,
            self.shutdown.clone(),
        );
        tokio::time::timeout(PATIENCE, publisher.connected())
            .await
            .expect("the publisher connects")
            .unwrap();
        publisher
    }

    pub(crate) async fn user(&self) -> UserId {
        let id = UserId::now_v7();
        let name = format!("u{}", id.uuid().simple());
        let user = NewUser {
            id,
            email: format!("{name}@example.org"),
            username: name.clone(),
            name,
            first_name: "First".to_owned(),
            middle_name: String::new(),
            last_name: "Last".to_owned(),
            phone: None,
            role: UserRole::User,
            password_hash: "$argon2id$".to_owned(),
            created_at: Timestamp::now(),
        };
        users::insert(&self.pool, &user).await.unwrap();
        id
    }

    pub(crate) async fn users(&self, count: usize) -> Vec<UserId> {
        let mut users = Vec::with_capacity(count);
        for _ in 0..count {
            users.push(self.user().await);
        }
        users
    }

    /// A new group of these members.
    pub(crate) async fn room(&self, members: &[UserId]) -> RoomId {
        self.insert_room(RoomId::now_v7(), members).await
    }

    /// The same in a partition of the test's choice.
    pub(crate) async fn room_in(&self, number: u16, members: &[UserId]) -> RoomId {
        let id = std::iter::repeat_with(RoomId::now_v7)
            .find(|room| partition::of(room.uuid(), self.rabbit.partitions) == number)
            .unwrap();
        self.insert_room(id, members).await
    }

    async fn insert_room(&self, id: RoomId, members: &[UserId]) -> RoomId {
        let group = NewGroup {
            id,
            creator: members[0],
            members: members.to_vec(),
            title: Some("Group".to_owned()),
            description: None,
            avatar_url: None,
            join_policy: JoinPolicy::Invite,
            created_at: Timestamp::now(),
        };
        rooms::create_group(&self.pool, &group).await.unwrap();
        id
    }

    /// What is stored in a room, in the order of its numbers.
    pub(crate) async fn stored(&self, room: RoomId) -> Vec<Stored> {
        let rows = sqlx::query(
            "SELECT seq, sender_id, job_id, content FROM messages WHERE room_id = $1 ORDER BY seq",
        )
        .bind(room.uuid())
        .fetch_all(&self.pool)
        .await
        .unwrap();
        rows.iter()
            .map(|row| Stored {
                seq: row.get("seq"),
                sender: Id::from(row.get::<uuid::Uuid, _>("sender_id")),
                job: Id::from(row.get::<uuid::Uuid, _>("job_id")),
                content: row.get("content"),
            })
            .collect()
    }

    /// Waits until a room holds this many messages, and returns them.
    pub(crate) async fn stored_all(&self, room: RoomId, count: usize) -> Vec<Stored> {
        eventually(&format!("{count} messages are stored"), async || {
            self.stored(room).await.len() >= count
        })
        .await;
        self.stored(room).await
    }

    /// Subscribes to rooms and users as a gateway does.
    pub(crate) async fn listen(&self, rooms: &[RoomId], users: &[UserId]) -> Heard {
        let name = format!("test-{}", JobId::random());
        let (subscriber, mut events) =
            FanoutSubscriber::start(&self.redis, &name, &self.tasks, self.shutdown.clone());
        let channels: Vec<String> = rooms
            .iter()
            .map(|room| names::fanout_room(*room))
            .chain(users.iter().map(|user| names::fanout_user(*user)))
            .collect();
        subscriber.subscribe(channels).await.unwrap();
        let fanouts = Arc::new(Mutex::new(Vec::new()));
        let heard = Heard {
            fanouts: Arc::clone(&fanouts),
        };
        self.tasks.spawn(async move {
            // Held here, because the subscription ends with its handle.
            let _subscriber = subscriber;
            while let Some(event) = events.recv().await {
                if let FanoutEvent::Message { payload, .. } = event {
                    let fanout = serde_json::from_slice(&payload).unwrap();
                    fanouts.lock().unwrap().push(fanout);
                }
            }
        });
        heard
    }

    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetter> {
        let desk = DeadLetterDesk::open(&self.broker, &self.rabbit)
            .await
            .unwrap();
        desk.list(100).await.unwrap()
    }

    /// Waits until this many dead letters are there, and returns them.
    pub(crate) async fn dead_letters_all(&self, count: usize) -> Vec<DeadLetter> {
        eventually(&format!("{count} dead letters"), async || {
            self.dead_letters().await.len() >= count
        })
        .await;
        self.dead_letters().await
    }
}

impl Running {
    /// Asks the worker to stop and waits until it has.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("a worker that is told to stop stops")
            .unwrap();
    }

    /// Ends the worker where it stands, as SIGKILL would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        drop(self.task.await);
        self.worker.context.pg.close().await;
    }

    /// Waits until the worker has noticed that its broker connection is gone.
    pub(crate) async fn has_lost_rabbitmq(&self) {
        eventually("the lost connection is noticed", async || {
            !self.health.report_rabbitmq()
        })
        .await;
    }

    pub(crate) async fn is_ready(&self) {
        eventually("the worker is ready", async || self.health.report().ready()).await;
    }
}

impl Heard {
    pub(crate) fn all(&self) -> Vec<ServerEvent> {
        let fanouts = self.fanouts.lock().unwrap();
        fanouts.iter().map(|heard| heard.typed().unwrap()).collect()
    }

    /// The numbers of the messages heard of one room, in the order of hearing.
    pub(crate) fn seqs(&self, room: RoomId) -> Vec<i64> {
        self.all()
            .into_iter()
            .filter_map(|event| match event {
                ServerEvent::MessageDelivered(message) if message.room_id == room => {
                    Some(message.seq)
                }
                _ => None,
            })
            .collect()
    }
}

/// A send that nobody checked: what a worker finds in its queue.
pub(crate) fn send(room: RoomId, sender: UserId, content: &str) -> Job {
    let act = Act::SendMessage(SendMessage {
        message_id: MessageId::now_v7(),
        client_msg_id: uuid::Uuid::new_v4().to_string(),
        kind: MessageType::Text,
        content: content.to_owned(),
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments: vec![],
        forwarded_from: None,
    });
    Job {
        job_id: JobId::now_v7(),
        v: VERSION,
        priority: act.priority(),
        room_id: Some(room),
        user_id: sender,
        session_id: None,
        socket_id: None,
        gateway_id: "gateway-0".to_owned(),
        created_at: Timestamp::now(),
        act,
    }
}

/// Content that Postgres can't store and no check of ours lets through: a job that fails for a reason of its own.
pub(crate) const POISON: &str = "poison \u{0}";

/// Fails unless the messages are numbered from 1 without a gap and each sender's contents, which are numbers, ascend.
#[track_caller]
pub(crate) fn assert_in_order(stored: &[Stored]) {
    let seqs: Vec<i64> = stored.iter().map(|message| message.seq).collect();
    let expected: Vec<i64> = (1..).take(stored.len()).collect();
    assert_eq!(seqs, expected, "a room's numbers have no gap");
    let mut last = std::collections::HashMap::new();
    for message in stored {
        let number: i64 = message.content.parse().unwrap();
        let before = last.insert(message.sender, number).unwrap_or(-1);
        assert!(
            before < number,
            "{number} of a sender was stored after {before}"
        );
    }
}
