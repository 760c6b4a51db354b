//! `chat-processor dlq`, as people and scripts use it.

use chat_test_support::variable;
use std::time::Duration;

use serde_json::Value;

use crate::programs::{Run, chat_processor};
use crate::stage::{POISON, Stage, on_stage, send};

async fn dlq(stage: &Stage, arguments: &[&str]) -> Run {
    let names = &stage.rabbit.names;
    let environment = [
        ("RABBITMQ_URL", variable("TEST_RABBITMQ_URL")),
        ("RABBITMQ_CHAT_EXCHANGE", names.exchange.clone()),
        ("RABBITMQ_CHAT_DLX_EXCHANGE", names.dlx.clone()),
        ("RABBITMQ_CHAT_QUEUE_PREFIX", names.high.clone()),
        ("RABBITMQ_CHAT_DLQ_NAME", names.dlq.clone()),
    ];
    let mut all = vec!["dlq"];
    all.extend(arguments);
    chat_processor(&all, &environment).await
}

#[tokio::test]
async fn dead_letters_are_listed_shown_replayed_and_purged() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let mut wiring = stage.wiring();
        wiring.ladder_unit = Duration::from_millis(2);
        let worker = stage.work("w1", wiring.clone());
        let publisher = stage.publisher().await;
        let poison = [send(room, people[0], POISON), send(room, people[0], POISON)];
        for job in &poison {
            publisher.publish(job, None).await.unwrap();
        }
        stage.dead_letters_all(2).await;
        let (first, second) = (poison[0].job_id.to_string(), poison[1].job_id.to_string());

        let list = dlq(stage, &["list"]).await;
        assert_eq!(list.code, 0, "{list:?}");
        assert_eq!(list.out.lines().count(), 3, "a heading and two letters");
        assert!(list.out.contains(&first) && list.out.contains(&second));
        assert!(!list.out.contains("poison"), "a list shows no content");

        let list = dlq(stage, &["list", "--json", "--limit", "1"]).await;
        let letter: Value = serde_json::from_str(list.out.trim()).unwrap();
        assert_eq!(letter["jobId"], first);
        assert_eq!(letter["type"], "message.send");
        assert_eq!(letter["attempts"], 4);
        assert_eq!(letter["routingKey"], "high.0");
        assert!(letter["firstFailedAt"].is_string() && letter["lastFailedAt"].is_string());

        let shown = dlq(stage, &["show", &second]).await;
        let letter: Value = serde_json::from_str(&shown.out).unwrap();
        assert_eq!(letter["job"]["payload"]["content"], POISON);

        // Replayed, it fails again, with a whole ladder of its own.
        let replayed = dlq(stage, &["replay", &first, "--json"]).await;
        let report: Value = serde_json::from_str(&replayed.out).unwrap();
        assert_eq!(report["replayed"], serde_json::json!([first]));
        assert_eq!(report["left"], 1);
        let letters = stage.dead_letters_all(2).await;
        assert!(letters.iter().all(|letter| letter.attempts == 4));

        let purged = dlq(stage, &["purge", &second]).await;
        assert_eq!((purged.code, purged.out.trim()), (0, "1 removed"));
        assert_eq!(stage.dead_letters().await.len(), 1);

        for (arguments, code, says) in [
            (vec!["show", "nothing"], 1, "no dead letter of job nothing"),
            (
                vec!["replay", "nothing"],
                1,
                "no dead letter of job nothing",
            ),
            (vec!["purge", "nothing"], 1, "no dead letter of job nothing"),
            (vec!["purge"], 1, "say --yes"),
            (vec!["list", "--limit", "0"], 2, "--limit"),
            (vec!["burn"], 2, "burn"),
            (vec![], 2, "Usage"),
        ] {
            let run = dlq(stage, &arguments).await;
            assert_eq!(run.code, code, "{arguments:?}: {run:?}");
            assert!(run.err.contains(says), "{arguments:?}: {run:?}");
            assert!(run.out.is_empty(), "{arguments:?}: {run:?}");
        }
        assert_eq!(stage.dead_letters().await.len(), 1);

        let purged = dlq(stage, &["purge", "--yes", "--json"]).await;
        assert_eq!(purged.out.trim(), r#"{"removed":1}"#);
        let empty = dlq(stage, &["list", "--json"]).await;
        assert_eq!((empty.code, empty.out.as_str()), (0, ""));
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_replay_of_a_job_that_was_done_meanwhile_does_it_only_once() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        // Nobody knows this key yet: the job is refused, and done once its key is known.
        let publisher = stage
            .publisher_with(chat_core::signing::KeyRing::parse("late:0123456789abcdef").unwrap())
            .await;
        let worker = stage.work("w1", stage.wiring());
        let job = send(room, people[0], "0");
        publisher.publish(&job, None).await.unwrap();
        stage.dead_letters_all(1).await;
        worker.finish().await;

        let mut wiring = stage.wiring();
        wiring.keys = chat_core::signing::KeyRing::parse("late:0123456789abcdef").unwrap();
        let worker = stage.work("w2", wiring);
        publisher.publish(&job, None).await.unwrap();
        stage.stored_all(room, 1).await;
        assert_eq!(dlq(stage, &["replay"]).await.out, "1 replayed, 0 left\n");
        assert_eq!(dlq(stage, &["replay"]).await.out, "0 replayed, 0 left\n");
        publisher
            .publish(&send(room, people[0], "1"), None)
            .await
            .unwrap();
        let stored = stage.stored_all(room, 2).await;
        crate::stage::assert_in_order(&stored);
        assert_eq!(stored.len(), 2);
        worker.finish().await;
    })
    .await;
}
