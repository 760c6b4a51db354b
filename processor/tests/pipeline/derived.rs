//! Entries of the event log that tell of others: notifications, the audit log, what happened in a room and by a user.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chat_backends::postgres::{audit, users};
use chat_backends::rabbitmq::event_log::{Entry, EventLog};
use chat_core::event::EventType;
use chat_core::ids::UserId;
use chat_core::job::Act;
use chat_core::protocol::objects::UserRole;
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::admin;
use chat_processor::context::{Context, Policy};
use chat_processor::outbox;
use chat_test_support::event_log::{self, LogEntry};
use chat_test_support::{eventually, until};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::event_log::{Following, replay};
use crate::push::{mute, subscribe};
use crate::stage::{Stage, on_stage, send};

/// A processor's way from the outbox into the log.
struct Emptying {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Emptying {
    fn start(stage: &Stage) -> Self {
        let stop = CancellationToken::new();
        let rabbit = Arc::new(stage.rabbit.clone());
        let emptying = outbox::run(stage.pool.clone(), rabbit, "w1".into(), stop.clone());
        let task = tokio::spawn(emptying);
        Self { stop, task }
    }

    async fn finish(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn context(stage: &Stage) -> Context {
    Context {
        pg: stage.pool.clone(),
        redis: stage.redis.clone(),
        policy: Arc::new(Policy::default()),
    }
}

async fn count(stage: &Stage, query: &'static str) -> i64 {
    let count = sqlx::query_scalar::<_, i64>(query);
    count.fetch_one(&stage.pool).await.unwrap()
}

/// The whole log once it has come to rest: every group has read it to its end, and nothing waits to be told any more. So
/// nothing is left from which another entry could come.
async fn at_rest(stage: &Stage) -> Vec<LogEntry> {
    let waiting =
        "SELECT (SELECT count(*) FROM event_outbox) + (SELECT count(*) FROM activity_windows)";
    // Waited for by itself: a window takes its time.
    eventually("nothing waits to be told", async || {
        count(stage, waiting).await == 0
    })
    .await;
    until("the log comes to rest", async || {
        let log = event_log::read(&stage.rabbit.names.log).await;
        let end = log.last().map_or(0, |last| last.offset + 1);
        let places: Vec<(i64, bool)> =
            sqlx::query_as("SELECT next_offset, from_time IS NULL FROM event_groups")
                .fetch_all(&stage.pool)
                .await
                .unwrap();
        let all_read = places.len() == 3 && places.iter().all(|place| *place == (end, true));
        (all_read && count(stage, waiting).await == 0).then_some(log)
    })
    .await
}

/// The different entries of a type, each once however often it is in the log.
fn of_type(log: &[LogEntry], event_type: EventType) -> Vec<Value> {
    let entries: BTreeMap<String, Value> = log
        .iter()
        .filter(|entry| entry.event["eventType"] == event_type.as_str())
        .map(|entry| (entry.event["eventId"].to_string(), entry.event.clone()))
        .collect();
    entries.into_values().collect()
}

/// The log holds what waits in the outbox already, as after a crash between appending it and forgetting it.
async fn append_what_waits(stage: &Stage) -> usize {
    let waiting = sqlx::query_scalar::<_, String>("SELECT entry FROM event_outbox ORDER BY place");
    let waiting = waiting.fetch_all(&stage.pool).await.unwrap();
    let entries: Arc<[Entry]> = waiting
        .iter()
        .map(|entry| Entry {
            event_id: String::new(),
            event_type: "message.created",
            traceparent: None,
            body: entry.clone().into_bytes(),
        })
        .collect();
    let log = EventLog::open(&stage.broker, &stage.rabbit).await.unwrap();
    log.append(&entries).await.unwrap();
    entries.len()
}

#[tokio::test]
async fn who_is_to_be_notified_is_in_the_log_once_through_crashes_repeats_and_replays() {
    on_stage(1, async |stage| {
        let people = stage.users(5).await;
        let [author, away, without, muted, mentioned] = people[..] else {
            panic!("five people");
        };
        let room = stage.room(&people).await;
        for (user, browser) in [
            (author, "author"),
            (away, "away-1"),
            (away, "away-2"),
            (muted, "muted"),
            (mentioned, "mentioned"),
        ] {
            subscribe(stage, user, format!("https://secret.example/{browser}")).await;
        }
        mute(stage, room, muted).await;
        mute(stage, room, mentioned).await;
        let mut job = send(room, author, "hello @mentioned");
        if let Act::SendMessage(send) = &mut job.act {
            send.mentions = vec![mentioned];
        }
        let worker = stage.work("w1", stage.wiring());
        let publisher = stage.publisher().await;
        publisher.publish(&job, None).await.unwrap();
        // As after a crash between commit and acknowledgement.
        publisher.publish(&job, None).await.unwrap();
        let first = Following::start(stage, "w1");
        let planned = "SELECT count(*) FROM event_outbox";
        eventually("it is planned", async || count(stage, planned).await >= 2).await;
        first.finish().await;
        assert!(append_what_waits(stage).await >= 2);
        let second = Following::start(stage, "w2");
        let emptying = Emptying::start(stage);
        at_rest(stage).await;
        for from in ["first", "0"] {
            let run = replay(stage, &["--group", "notifications", "--from", from]).await;
            assert_eq!(run.code, 0, "{run:?}");
        }
        let log = at_rest(stage).await;
        worker.finish().await;
        second.finish().await;
        emptying.finish().await;

        let told = of_type(&log, EventType::NotificationSend);
        let message = of_type(&log, EventType::MessageCreated)[0]["data"]["id"].clone();
        let expected: BTreeMap<String, bool> =
            [(away.to_string(), false), (mentioned.to_string(), true)].into();
        let found: BTreeMap<String, bool> = told
            .iter()
            .map(|entry| {
                let (key, data) = (entry["key"].as_str().unwrap(), &entry["data"]);
                assert_eq!(entry["version"], "1.0.0");
                assert_eq!(
                    *data,
                    json!({"userId": key, "roomId": room, "messageId": message, "seq": 1, "senderId": author,
                           "mentioned": data["mentioned"]})
                );
                (key.to_owned(), data["mentioned"].as_bool().unwrap())
            })
            .collect();
        assert_eq!(found, expected, "nobody else, {without} has no browser");
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(count(stage, "SELECT count(*) FROM push_deliveries").await, 3);
    })
    .await;
}

#[tokio::test]
async fn each_row_of_the_audit_log_is_told_once_whoever_writes_it_and_nothing_comes_of_it() {
    on_stage(1, async |stage| {
        let people = stage.users(3).await;
        let [creator, root, bad] = people[..] else {
            panic!("three people");
        };
        users::set_role(&stage.pool, root, UserRole::Admin, Timestamp::now())
            .await
            .unwrap();
        let room = stage.room(&people).await;
        let mut job = send(room, creator, "");
        job.act = Act::AnnounceRoom {};
        job.priority = job.act.priority();
        let publisher = stage.publisher().await;
        let worker = stage.work("w1", stage.wiring());
        publisher.publish(&job, None).await.unwrap();
        publisher.publish(&job, None).await.unwrap();
        let actor = Actor {
            user_id: root,
            session_id: None,
            socket_id: None,
            ip: Some([192, 0, 2, 1].into()),
            gateway_id: "gateway-0".into(),
        };
        admin::ban(&context(stage), &actor, bad, "a reason in words", None)
            .await
            .unwrap();
        let first = Following::start(stage, "w1");
        let waiting = "SELECT count(*) FROM event_outbox";
        eventually("both wait", async || count(stage, waiting).await >= 2).await;
        first.finish().await;
        append_what_waits(stage).await;
        let second = Following::start(stage, "w2");
        let emptying = Emptying::start(stage);
        at_rest(stage).await;
        let run = replay(stage, &["--group", "audit", "--from", "first"]).await;
        assert_eq!(run.code, 0, "{run:?}");
        let log = at_rest(stage).await;
        worker.finish().await;
        second.finish().await;
        emptying.finish().await;

        let told: BTreeSet<String> = of_type(&log, EventType::AuditLog)
            .iter()
            .map(|entry| format!("{} {}", entry["key"], entry["data"]))
            .collect();
        let line = |key: &str, actor: UserId, action: &str| {
            let data = json!({"actorId": actor, "action": action, "target": key});
            format!("\"{key}\" {data}")
        };
        let expected: BTreeSet<String> = [
            line(&room.to_string(), creator, "chat.created"),
            line(&bad.to_string(), root, "user.ban"),
        ]
        .into();
        assert_eq!(told, expected);
        assert_eq!(of_type(&log, EventType::AuditLog).len(), 2);
        let rows = audit::list(&stage.pool, audit::Filter::default(), 10)
            .await
            .unwrap();
        assert_eq!(rows.len(), 2, "{rows:?}");
    })
    .await;
}

#[tokio::test]
async fn what_happened_in_a_window_is_told_once_its_time_is_over_and_counts_every_message_once() {
    const MESSAGES: i64 = 40;
    on_stage(2, async |stage| {
        let people = stage.users(2).await;
        let room = stage.room(&people).await;
        let publisher = stage.publisher().await;
        let worker = stage.work("w1", stage.wiring());
        let first = Following::start(stage, "w1");
        for number in 0..MESSAGES {
            let sender = people[usize::from(number % 4 == 0)];
            let job = send(room, sender, &number.to_string());
            publisher.publish(&job, None).await.unwrap();
            if number % 10 == 0 {
                publisher.publish(&job, None).await.unwrap();
            }
        }
        stage.stored_all(room, 40).await;
        let windows = "SELECT count(*) FROM activity_windows";
        eventually("some are counted", async || count(stage, windows).await > 0).await;
        first.finish().await;
        // Nothing happens any more: time alone must end the windows.
        let followers = [Following::start(stage, "w2"), Following::start(stage, "w3")];
        let waiting = "SELECT count(*) FROM event_outbox";
        eventually("they are over", async || count(stage, waiting).await >= 3).await;
        append_what_waits(stage).await;
        let emptying = Emptying::start(stage);
        at_rest(stage).await;
        let run = replay(stage, &["--group", "analytics", "--from", "first"]).await;
        assert_eq!(run.code, 0, "{run:?}");
        let log = at_rest(stage).await;
        worker.finish().await;
        for follower in followers {
            follower.finish().await;
        }
        emptying.finish().await;

        let sum = |event_type, key: String| -> i64 {
            let entries = of_type(&log, event_type);
            let of_key = entries.iter().filter(|entry| entry["key"] == key.as_str());
            of_key
                .inspect(|entry| {
                    let data = &entry["data"];
                    let time = |member: &str| -> Timestamp {
                        serde_json::from_value(data[member].clone()).unwrap()
                    };
                    let (from, to) = (time("from").unix_millis(), time("to").unix_millis());
                    assert_eq!((from % 10_000, to - from), (0, 10_000), "{entry}");
                    let told = entry["timestamp"].as_i64().unwrap();
                    assert!((to..to + 15_000).contains(&told), "{entry}");
                })
                .map(|entry| entry["data"]["messages"].as_i64().unwrap())
                .sum()
        };
        assert_eq!(sum(EventType::AnalyticsMessage, room.to_string()), MESSAGES);
        let of_user = |user: UserId| sum(EventType::AnalyticsUserActivity, user.to_string());
        assert_eq!(of_user(people[1]), MESSAGES / 4);
        assert_eq!(of_user(people[0]), MESSAGES - MESSAGES / 4);
        let counted = "SELECT count(*) FROM analytics_minutes WHERE event_type LIKE 'analytics%'";
        assert_eq!(count(stage, counted).await, 0);
    })
    .await;
}
