//! Queues of its own for each test, and what is needed to look into them.

use std::panic::AssertUnwindSafe;

use chat_backends::config::RabbitConfig;
use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::consumer::{ConsumeOptions, Consumer};
use chat_backends::rabbitmq::publisher::Publisher;
use chat_backends::rabbitmq::topology;
use chat_core::ids::{JobId, MessageId, RoomId, UserId};
use chat_core::job::{self, Act, Job, SendMessage};
use chat_core::names::Queue;
use chat_core::partition;
use chat_core::protocol::objects::MessageType;
use chat_core::signing::KeyRing;
use chat_core::time::Timestamp;
use chat_test_support::cuttable_link::CuttableLink;
use chat_test_support::{PATIENCE, queues, variable};
use futures::FutureExt;
use lapin::options::QueueDeleteOptions;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// One test's queues on the broker.
pub(crate) struct Fixture {
    pub(crate) config: RabbitConfig,
    pub(crate) broker: Broker,
    pub(crate) keys: KeyRing,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
}

/// Runs a test on queues of its own, which are removed whatever its outcome.
pub(crate) async fn with_queues(
    change: impl FnOnce(&mut RabbitConfig),
    test: impl AsyncFnOnce(&Fixture),
) {
    let mut config = queues::config(1);
    change(&mut config);
    let broker = Broker::connect(&config, "test").await.unwrap();
    topology::declare(&broker, &config).await.unwrap();
    let fixture = Fixture {
        config,
        broker,
        keys: KeyRing::parse("test:0123456789abcdef").unwrap(),
        tasks: TaskTracker::new(),
        shutdown: CancellationToken::new(),
    };
    let outcome = AssertUnwindSafe(test(&fixture)).catch_unwind().await;
    fixture.shutdown.cancel();
    fixture.tasks.close();
    tokio::time::timeout(PATIENCE, fixture.tasks.wait())
        .await
        .expect("every task ends after the shutdown");
    queues::remove(&fixture.config.names, fixture.config.partitions).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

impl Fixture {
    pub(crate) fn queue(&self, partition: u16) -> String {
        self.config.names.partition(Queue::High, partition)
    }

    /// A publisher that is connected.
    pub(crate) async fn publisher(&self) -> Publisher {
        self.publisher_over(self.config.clone()).await
    }

    pub(crate) async fn publisher_over(&self, config: RabbitConfig) -> Publisher {
        let publisher = Publisher::start(
            config,
            self.keys.clone(),
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

    pub(crate) async fn consumer(
        &self,
        partition: u16,
        name: &str,
        priority: i32,
        prefetch: u16,
    ) -> Consumer {
        self.consumer_over(&self.broker, partition, name, priority, prefetch)
            .await
    }

    pub(crate) async fn consumer_over(
        &self,
        broker: &Broker,
        partition: u16,
        name: &str,
        priority: i32,
        prefetch: u16,
    ) -> Consumer {
        let options = ConsumeOptions {
            queue: self.queue(partition),
            priority,
            prefetch,
            name: name.to_owned(),
        };
        Consumer::attach(broker, options).await.unwrap()
    }

    /// The same settings over a link that the test can cut.
    pub(crate) async fn cuttable(&self) -> (CuttableLink, RabbitConfig) {
        let uri: lapin::uri::AMQPUri = variable("TEST_RABBITMQ_URL").parse().unwrap();
        let link = CuttableLink::to(&uri.authority.host, uri.authority.port).await;
        let mut over_link = uri;
        over_link.authority.host = "127.0.0.1".to_owned();
        over_link.authority.port = link.port();
        let mut config = RabbitConfig::from_url(over_link.to_string()).unwrap();
        config.names = self.config.names.clone();
        config.partitions = self.config.partitions;
        config.max_length = self.config.max_length;
        (link, config)
    }

    pub(crate) async fn delete_queue(&self, name: &str) {
        let channel = queues::raw_channel().await;
        channel
            .queue_delete(name.into(), QueueDeleteOptions::default())
            .await
            .unwrap();
    }
}

/// A message to a room of this partition.
pub(crate) fn message(partition: u16, partitions: u16) -> Job {
    let room = std::iter::repeat_with(RoomId::now_v7)
        .find(|room| partition::of(room.uuid(), partitions) == partition)
        .unwrap();
    job_of(
        room,
        Act::SendMessage(SendMessage {
            message_id: MessageId::now_v7(),
            client_msg_id: "tmp-1".into(),
            kind: MessageType::Text,
            content: "Hello".into(),
            reply_to: None,
            thread_id: None,
            mentions: vec![],
            attachments: vec![],
            forwarded_from: None,
        }),
    )
}

pub(crate) fn job_of(room: RoomId, act: Act) -> Job {
    Job {
        job_id: JobId::now_v7(),
        v: job::VERSION,
        priority: act.priority(),
        room_id: Some(room),
        user_id: UserId::now_v7(),
        session_id: None,
        socket_id: Some("socket".into()),
        gateway_id: "gateway-0".into(),
        created_at: Timestamp::now(),
        act,
    }
}
