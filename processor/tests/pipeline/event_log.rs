//! The event log and the groups that follow it.

use chat_test_support::{eventually, variable};
use std::sync::Arc;

use chat_backends::postgres::{analytics, audit};
use chat_core::time::Timestamp;
use chat_processor::context::{Context, Policy};
use chat_processor::{direct, groups, outbox};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::programs::chat_processor;
use crate::stage::{Stage, on_stage, send};

/// A processor that follows the log.
pub(crate) struct Following {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Following {
    pub(crate) fn start(stage: &Stage, name: &str) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(groups::run(
            stage.pool.clone(),
            Arc::new(stage.rabbit.clone()),
            name.into(),
            stop.clone(),
        ));
        Self { stop, task }
    }

    pub(crate) async fn finish(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn counted(stage: &Stage, event_type: &str) -> i64 {
    let long_ago = Timestamp::from_unix_millis(0).unwrap();
    let counts = analytics::since(&stage.pool, long_ago).await.unwrap();
    let of_type = counts.iter().filter(|count| count.event_type == event_type);
    of_type.map(|count| count.events).sum()
}

pub(crate) async fn replay(stage: &Stage, arguments: &[&str]) -> crate::programs::Run {
    let base = variable("TEST_DATABASE_URL");
    let (server, _) = base.rsplit_once('/').unwrap();
    let options = stage.pg.connect_options();
    let url = format!("{server}/{}", options.get_database().unwrap());
    let mut all = vec!["replay"];
    all.extend(arguments);
    chat_processor(&all, &[("DATABASE_URL", url)]).await
}

#[tokio::test]
async fn every_stored_message_is_counted_once_through_crashes_repeats_and_replays() {
    on_stage(2, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let publisher = stage.publisher().await;
        let first = Following::start(stage, "w1");
        let worker = stage.work("w1", stage.wiring());
        for number in 0..50 {
            let job = send(room, people[0], &number.to_string());
            publisher.publish(&job, None).await.unwrap();
            if number % 10 == 0 {
                // As after a crash between commit and acknowledgement: done, and appended to the log again.
                publisher.publish(&job, None).await.unwrap();
            }
        }
        stage.stored_all(room, 50).await;
        eventually("some are counted", async || {
            counted(stage, "message.created").await > 0
        })
        .await;
        first.finish().await;
        let second = Following::start(stage, "w2");
        eventually("all are counted", async || {
            counted(stage, "message.created").await >= 50
        })
        .await;

        for from in ["first", "0", "2026-01-01T00:00:00Z"] {
            let run = replay(stage, &["--group", "analytics", "--from", from, "--json"]).await;
            assert_eq!(run.code, 0, "{run:?}");
            let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
            assert_eq!(report["group"], "analytics");
        }
        for number in 50..60 {
            let job = send(room, people[0], &number.to_string());
            publisher.publish(&job, None).await.unwrap();
        }
        eventually("the new ones are counted after the replay", async || {
            counted(stage, "message.created").await >= 60
        })
        .await;
        assert_eq!(counted(stage, "message.created").await, 60);
        second.finish().await;
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_room_is_audited_once_and_without_its_title() {
    on_stage(1, async |stage| {
        let people = stage.users(3).await;
        let room = stage.room(&people).await;
        let mut job = send(room, people[0], "");
        job.act = chat_core::job::Act::AnnounceRoom {};
        job.priority = job.act.priority();
        let publisher = stage.publisher().await;
        let worker = stage.work("w1", stage.wiring());
        let followers = [Following::start(stage, "w1"), Following::start(stage, "w2")];
        publisher.publish(&job, None).await.unwrap();
        publisher.publish(&job, None).await.unwrap();
        eventually("it is counted", async || {
            counted(stage, "chat.created").await > 0
        })
        .await;
        let entries = async || {
            audit::list(&stage.pool, audit::Filter::default(), 10)
                .await
                .unwrap()
        };
        eventually("it is audited", async || !entries().await.is_empty()).await;
        worker.finish().await;
        for follower in followers {
            follower.finish().await;
        }
        let entries = entries().await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0].action, "chat.created");
        assert_eq!(entries[0].actor, Some(people[0]));
        assert_eq!(entries[0].target, Some(room.to_string()));
        assert!(!entries[0].details.to_string().contains("Group"));
        assert_eq!(counted(stage, "chat.created").await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_done_without_the_broker_is_logged_once() {
    on_stage(1, async |stage| {
        let people = stage.users(2).await;
        let room = stage.room(&people).await;
        let context = Context {
            pg: stage.pool.clone(),
            redis: stage.redis.clone(),
            policy: Arc::new(Policy::default()),
        };
        let job = send(room, people[0], "0");
        direct::process(&context, &job).await.unwrap();
        // Again, as when its answer got lost.
        direct::process(&context, &job).await.unwrap();
        let stop = CancellationToken::new();
        let rabbit = Arc::new(stage.rabbit.clone());
        let emptying = ["w1", "w2"].map(|name| {
            let (pool, rabbit) = (stage.pool.clone(), Arc::clone(&rabbit));
            tokio::spawn(outbox::run(pool, rabbit, name.into(), stop.clone()))
        });
        let following = Following::start(stage, "w1");
        eventually("it is counted", async || {
            counted(stage, "message.created").await > 0
        })
        .await;
        let waiting = async || {
            let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM event_outbox");
            count.fetch_one(&stage.pool).await.unwrap()
        };
        eventually("the outbox is empty", async || waiting().await == 0).await;
        let last = send(room, people[0], "1");
        direct::process(&context, &last).await.unwrap();
        eventually("the next one is counted", async || {
            counted(stage, "message.created").await >= 2
        })
        .await;
        assert_eq!(counted(stage, "message.created").await, 2);
        stop.cancel();
        for task in emptying {
            task.await.unwrap();
        }
        following.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_replay_that_makes_no_sense_is_refused() {
    for arguments in [
        vec!["--group", "nobody", "--from", "first"],
        vec!["--group", "audit", "--from", "yesterday"],
        vec!["--group", "audit", "--from", "-1"],
        vec!["--group", "audit"],
    ] {
        let mut all = vec!["replay"];
        all.extend(&arguments);
        let run = chat_processor(&all, &[]).await;
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(run.err.contains("--"), "{arguments:?}: {run:?}");
    }
}
