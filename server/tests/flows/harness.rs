//! A gateway and a processor of one's own for each test: own database, own queues, port 0.

use chat_backends::config::{RabbitConfig, RedisConfig};
use chat_backends::postgres;
use chat_backends::rabbitmq::topology::QueueNames;
use chat_backends::tls::http_client;
use chat_core::ids::RoomId;
use chat_core::names::Queue;
use chat_core::partition;
use chat_processor::config::{ProcessorArgs, ProcessorConfig};
use chat_server::config::{Config, GatewayArgs};
use chat_test_support::cuttable_link::CuttableLink;
use chat_test_support::database::Database;
use chat_test_support::event_log::{self, LogEntry};
use chat_test_support::{PATIENCE, queues, until, variable};
use clap::Parser;
use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::socket::Socket;

/// The secret of the gateway's tokens.
pub(crate) const JWT_SECRET: &str = "a-secret-that-only-tests-use";

/// Partitions of a test's queues.
const PARTITIONS: u16 = 2;

#[derive(Parser)]
struct Gateway {
    #[command(flatten)]
    args: GatewayArgs,
}

#[derive(Parser)]
struct Processor {
    #[command(flatten)]
    args: ProcessorArgs,
}

/// A running chat.
pub(crate) struct Chat {
    pub(crate) base: String,
    pub(crate) client: reqwest::Client,
    stop_gateway: CancellationToken,
    gateway: JoinHandle<anyhow::Result<()>>,
    stop_processor: CancellationToken,
    processor: Option<JoinHandle<anyhow::Result<()>>>,
    /// `None` for a second gateway: the first one's.
    backends: Option<Backends>,
}

/// What this test alone uses.
pub(crate) struct Backends {
    pub(crate) database: Database,
    pub(crate) redis_url: String,
    pub(crate) rabbitmq_url: String,
    queues: QueueNames,
    /// Where uploaded files lie.
    files: std::path::PathBuf,
}

/// A registered user.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

impl Backends {
    pub(crate) async fn prepare() -> Self {
        let backends = Self {
            database: Database::create().await,
            redis_url: variable("TEST_REDIS_URL"),
            rabbitmq_url: variable("TEST_RABBITMQ_URL"),
            queues: queues::own_names(),
            files: std::env::temp_dir().join(format!("chat-files-{}", Uuid::new_v4())),
        };
        let pool = sqlx::PgPool::connect(&backends.database.url).await.unwrap();
        postgres::migrate(&pool).await.unwrap();
        pool.close().await;
        backends
    }

    /// A way to Redis that can be cut.
    pub(crate) async fn link_to_redis(&self) -> CuttableLink {
        let redis = reqwest::Url::parse(&self.redis_url).unwrap();
        CuttableLink::to(redis.host_str().unwrap(), redis.port().unwrap_or(6379)).await
    }

    /// The gateway's settings, with these flags on top.
    pub(crate) fn gateway(&self, flags: &[&str]) -> Config {
        let own = [
            "gateway",
            "--port=0",
            &format!("--database-url={}", self.database.url),
            &format!("--redis-url={}", self.redis_url),
            &format!("--rabbitmq-url={}", self.rabbitmq_url),
            &format!("--jwt-access-token={JWT_SECRET}"),
            "--chat-job-hmac-keys=k1:a-secret-that-signs-jobs",
            "--chat-drain-window=2s",
            &format!("--chat-files-dir={}", self.files.display()),
        ]
        .map(ToOwned::to_owned);
        let flags = own.into_iter().chain(flags.iter().map(ToString::to_string));
        let mut config = Gateway::parse_from(flags).args.resolve().unwrap();
        self.name_queues(&mut config.rabbitmq);
        config
    }

    fn processor(&self) -> ProcessorConfig {
        let flags = [
            "processor",
            "--port=0",
            &format!("--database-url={}", self.database.url),
            &format!("--redis-url={}", self.redis_url),
            &format!("--rabbitmq-url={}", self.rabbitmq_url),
            "--chat-job-hmac-keys=k1:a-secret-that-signs-jobs",
            &format!("--chat-files-dir={}", self.files.display()),
        ]
        .map(ToOwned::to_owned);
        let mut config = Processor::parse_from(flags).args.resolve().unwrap();
        self.name_queues(&mut config.rabbitmq);
        config
    }

    fn name_queues(&self, rabbitmq: &mut RabbitConfig) {
        rabbitmq.partitions = PARTITIONS;
        rabbitmq.names = self.queues.clone();
    }

    async fn remove(self) {
        // Nothing was uploaded in most tests.
        let _ = tokio::fs::remove_dir_all(&self.files).await;
        self.database.remove().await;
        queues::remove(&self.queues, PARTITIONS).await;
    }
}

impl Chat {
    /// A gateway and a processor.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with these flags for the gateway.
    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        let backends = Backends::prepare().await;
        let stop_processor = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let processor = tokio::spawn(chat_processor::run::run(
            backends.processor(),
            listener,
            stop_processor.clone(),
        ));
        // Not readiness: that does not wait for the broker, and what is sent before it is there takes another way.
        let config = backends.gateway(flags);
        let mut chat = Self::boot(config, Some(backends), "/health").await;
        chat.stop_processor = stop_processor;
        chat.processor = Some(processor);
        chat
    }

    /// A gateway alone; returns once it is ready.
    pub(crate) async fn gateway_only(backends: Backends, flags: &[&str]) -> Self {
        let config = backends.gateway(flags);
        Self::boot(config, Some(backends), "/health/readiness").await
    }

    /// A gateway that can't become ready; returns once it is alive.
    pub(crate) async fn gateway_alive(backends: Backends, flags: &[&str]) -> Self {
        let config = backends.gateway(flags);
        Self::boot(config, Some(backends), "/health/liveness").await
    }

    /// Another gateway of the same chat.
    pub(crate) async fn second_gateway(&self) -> Self {
        Self::boot(self.backends().gateway(&[]), None, "/health").await
    }

    /// Another gateway of the same chat, which may be without a broker.
    pub(crate) async fn second_gateway_only(&self) -> Self {
        Self::boot(self.backends().gateway(&[]), None, "/health/readiness").await
    }

    /// The same, and it reaches Redis at this URL.
    pub(crate) async fn second_gateway_by(&self, redis_url: &str) -> Self {
        let mut config = self.backends().gateway(&[]);
        config.redis = RedisConfig::from_url(redis_url.to_owned()).unwrap();
        Self::boot(config, None, "/health/readiness").await
    }

    pub(crate) fn backends(&self) -> &Backends {
        self.backends
            .as_ref()
            .expect("the first gateway has the backends")
    }

    async fn boot(config: Config, backends: Option<Backends>, probe: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop_gateway = CancellationToken::new();
        let gateway = tokio::spawn(chat_server::run(config, listener, stop_gateway.clone()));
        let chat = Self {
            base,
            client: http_client().unwrap().build().unwrap(),
            stop_gateway,
            gateway,
            stop_processor: CancellationToken::new(),
            processor: None,
            backends,
        };
        until("the gateway is ready", async || {
            let answer = chat.client.get(chat.url(probe)).send().await;
            answer
                .is_ok_and(|answer| answer.status().is_success())
                .then_some(())
        })
        .await;
        chat
    }

    /// Takes so many jobs of a room's messages off the queue at once, as a processor would.
    pub(crate) async fn take_jobs(&self, room: &str, count: u16) {
        let channel = queues::raw_channel().await;
        let room: RoomId = room.parse().unwrap();
        let number = partition::of(room.uuid(), PARTITIONS);
        let queue = self.backends().queues.partition(Queue::High, number);
        channel
            .basic_qos(count, BasicQosOptions::default())
            .await
            .unwrap();
        let mut jobs = channel
            .basic_consume(
                queue.into(),
                "taker".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        for _ in 0..count {
            jobs.next().await.unwrap().unwrap();
        }
        // No others take the place of those that are acknowledged.
        channel
            .basic_cancel("taker".into(), BasicCancelOptions::default())
            .await
            .unwrap();
        let all = BasicAckOptions { multiple: true };
        channel.basic_ack(0, all).await.unwrap();
        channel.close(200, "done".into()).await.unwrap();
    }

    /// The event log so far.
    pub(crate) async fn logged(&self) -> Vec<LogEntry> {
        event_log::read(&self.backends().queues.log).await
    }

    /// Everything that the gateway counts.
    pub(crate) async fn metrics(&self) -> String {
        let answer = self.client.get(self.url("/metrics")).send().await.unwrap();
        answer.text().await.unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Asks the gateway to leave, without waiting.
    pub(crate) fn stop_gateway(&self) {
        self.stop_gateway.cancel();
    }

    /// Stops everything, which must succeed, and removes what the test made.
    pub(crate) async fn stop(self) {
        self.stop_gateway.cancel();
        tokio::time::timeout(PATIENCE, self.gateway)
            .await
            .expect("the gateway stops in time")
            .unwrap()
            .unwrap();
        self.stop_processor.cancel();
        if let Some(processor) = self.processor {
            tokio::time::timeout(PATIENCE, processor)
                .await
                .expect("the processor stops in time")
                .unwrap()
                .unwrap();
        }
        if let Some(backends) = self.backends {
            backends.remove().await;
        }
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let mut request = self.client.post(self.url(path)).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer(request).await
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let mut request = self.client.get(self.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer(request).await
    }

    pub(crate) async fn register(&self) -> Person {
        let email = format!("{}@example.org", Uuid::new_v4().simple());
        let body = json!({"email": email, "password": "password"});
        let (status, body) = self.post("/auth/register", None, &body).await;
        assert_eq!(status, 201, "{body}");
        Person::of(&body)
    }

    /// The dm of two people.
    pub(crate) async fn dm(&self, one: &Person, other: &Person) -> String {
        let body = json!({"type": "dm", "memberIds": [other.id]});
        let (status, room) = self.post("/api/v1/rooms", Some(&one.token), &body).await;
        assert!(status == 201 || status == 200, "{room}");
        room["id"].as_str().unwrap().to_owned()
    }

    /// A socket on `/chat` that has heard `session.ready`.
    pub(crate) async fn connect(&self, person: &Person) -> Socket {
        let mut socket = Socket::open(&self.base).await;
        socket
            .join("/chat", &json!({"token": person.token}))
            .await
            .unwrap();
        let ready = socket.event("session.ready").await;
        assert_eq!(ready["userId"], person.id.as_str());
        socket
    }
}

impl Person {
    pub(crate) fn of(auth_result: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            id: text(&auth_result["user"]["id"]),
            email: text(&auth_result["user"]["email"]),
            token: text(&auth_result["accessToken"]),
            refresh_token: text(&auth_result["refreshToken"]),
        }
    }
}

/// Status and JSON body (`null` if there is none).
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}
