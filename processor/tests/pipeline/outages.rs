//! A store that is away pauses the work; nothing is dead-lettered, and the work goes on when the store is back.

use chat_backends::config::{PostgresConfig, RabbitConfig, RedisConfig};
use chat_backends::rabbitmq::publisher::Publisher;
use chat_core::ids::{RoomId, UserId};
use chat_test_support::{eventually, variable};

use crate::stage::{Stage, assert_in_order, on_stage, send};
use chat_test_support::cuttable_link::CuttableLink;

/// Host, port and the URL with `{}` for both.
fn split(url: &str) -> (String, u16, String) {
    let at = url
        .rfind('@')
        .map_or_else(|| url.find("://").unwrap() + 3, |at| at + 1);
    let rest = &url[at..];
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, port) = rest[..end].rsplit_once(':').unwrap();
    let template = format!("{}{{}}{}", &url[..at], &rest[end..]);
    (host.to_owned(), port.parse().unwrap(), template)
}

async fn link(url: &str) -> (CuttableLink, String) {
    let (host, port, template) = split(url);
    let link = CuttableLink::to(&host, port).await;
    let over = template.replace("{}", &format!("127.0.0.1:{}", link.port()));
    (link, over)
}

pub(crate) async fn over_redis() -> (CuttableLink, RedisConfig) {
    let (link, url) = link(&variable("TEST_REDIS_URL")).await;
    (link, RedisConfig::from_url(url).unwrap())
}

pub(crate) async fn over_rabbit(stage: &Stage) -> (CuttableLink, RabbitConfig) {
    let (link, url) = link(&variable("TEST_RABBITMQ_URL")).await;
    let mut config = RabbitConfig::from_url(url).unwrap();
    config.names = stage.rabbit.names.clone();
    config.partitions = stage.rabbit.partitions;
    (link, config)
}

async fn over_postgres(stage: &Stage) -> (CuttableLink, PostgresConfig) {
    let test_url = variable("TEST_DATABASE_URL");
    let (server, _) = test_url.rsplit_once('/').unwrap();
    let options = stage.pg.connect_options();
    let database = options.get_database().unwrap();
    let (link, url) = link(&format!("{server}/{database}")).await;
    (link, PostgresConfig::from_url(url).unwrap())
}

async fn publish(
    publisher: &Publisher,
    room: RoomId,
    sender: UserId,
    numbers: std::ops::Range<u32>,
) {
    for number in numbers {
        let job = send(room, sender, &number.to_string());
        publisher.publish(&job, None).await.unwrap();
    }
}

#[tokio::test]
async fn postgres_away_pauses_the_work_and_dead_letters_nothing() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let heard = stage.listen(&[room], &[]).await;
        let mut wiring = stage.wiring();
        let link;
        (link, wiring.pg) = over_postgres(stage).await;
        let worker = stage.work("w1", wiring);
        let publisher = stage.publisher().await;
        publish(&publisher, room, people[0], 0..5).await;
        stage.stored_all(room, 5).await;
        link.cut();
        publish(&publisher, room, people[0], 5..10).await;
        eventually("the worker says that it is not ready", async || {
            !worker.health.report().ready()
        })
        .await;
        assert!(stage.dead_letters().await.is_empty());
        assert_eq!(stage.stored(room).await.len(), 5);
        link.heal();
        assert_in_order(&stage.stored_all(room, 10).await);
        eventually("all are heard", async || heard.seqs(room).len() >= 10).await;
        worker.finish().await;
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn redis_away_keeps_jobs_until_they_can_be_told() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let heard = stage.listen(&[room], &[]).await;
        let mut wiring = stage.wiring();
        let link;
        (link, wiring.redis) = over_redis().await;
        let worker = stage.work("w1", wiring);
        worker.is_ready().await;
        let publisher = stage.publisher().await;
        link.cut();
        publish(&publisher, room, people[0], 0..10).await;
        eventually("the worker says that it is not ready", async || {
            !worker.health.report().ready()
        })
        .await;
        assert!(heard.seqs(room).is_empty());
        link.heal();
        eventually("all are heard", async || heard.seqs(room).len() >= 10).await;
        assert_in_order(&stage.stored(room).await);
        assert_eq!(heard.seqs(room), (1..=10).collect::<Vec<i64>>());
        worker.finish().await;
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_broken_broker_connection_is_made_again_and_nothing_is_lost() {
    on_stage(2, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let mut wiring = stage.wiring();
        let link;
        (link, wiring.rabbit) = over_rabbit(stage).await;
        let worker = stage.work("w1", wiring);
        let publisher = stage.publisher().await;
        for round in 0..4 {
            publish(&publisher, room, people[0], round * 50..(round + 1) * 50).await;
            link.cut();
            worker.has_lost_rabbitmq().await;
            link.heal();
        }
        let stored = stage.stored_all(room, 200).await;
        assert_in_order(&stored);
        assert_eq!(stored.len(), 200);
        worker.finish().await;
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}
