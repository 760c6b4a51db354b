//! Jobs that fail for a reason of their own, and things that are no jobs.

use chat_test_support::{eventually, queues};
use std::time::Duration;

use chat_backends::redis::attempts;
use chat_core::error::ErrorCode;
use chat_core::names::{HEADER_KEY_ID, HEADER_SIGNATURE};
use chat_core::protocol::server::ServerEvent;
use chat_core::signing::KeyRing;
use chat_core::time::Timestamp;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};

use crate::stage::{POISON, Stage, on_stage, send};

fn millis(text: &Option<String>) -> i64 {
    let text = text.as_ref().expect("a time is noted");
    serde_json::from_value::<Timestamp>(text.as_str().into())
        .unwrap()
        .unix_millis()
}

#[tokio::test]
async fn a_poison_job_climbs_the_ladder_while_its_room_waits_and_others_go_on() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let (poisoned, other) = (stage.room(&people).await, stage.room(&people).await);
        let heard = stage.listen(&[], &people).await;
        let mut wiring = stage.wiring();
        wiring.ladder_unit = Duration::from_millis(100);
        let worker = stage.work("w1", wiring);
        let publisher = stage.publisher().await;
        let poison = send(poisoned, people[0], POISON);
        for job in [
            send(poisoned, people[0], "0"),
            poison.clone(),
            send(poisoned, people[0], "1"),
            send(other, people[0], "0"),
            send(poisoned, people[0], "2"),
        ] {
            publisher.publish(&job, None).await.unwrap();
        }
        stage.stored_all(other, 1).await;
        stage.stored_all(poisoned, 1).await;
        assert!(stage.dead_letters().await.is_empty());
        assert_eq!(
            stage.stored(poisoned).await.len(),
            1,
            "what came after the poison waits"
        );
        let letters = stage.dead_letters_all(1).await;
        let letter = &letters[0];
        assert_eq!(letter.delivery.message_id, Some(poison.job_id.to_string()));
        assert_eq!(letter.attempts, 4, "one attempt and three retries");
        assert!(!letter.reason.is_empty());
        assert!(!letter.reason.contains("poison"), "{}", letter.reason);
        // 1 + 5 + 25 units.
        let climbed = millis(&letter.last_failed) - millis(&letter.first_failed);
        assert!((3100..6000).contains(&climbed), "{climbed} ms");

        let contents: Vec<String> = stage
            .stored_all(poisoned, 3)
            .await
            .into_iter()
            .map(|message| message.content)
            .collect();
        assert_eq!(contents, ["0", "1", "2"]);
        eventually("the sender hears of it", async || !heard.all().is_empty()).await;
        assert!(
            matches!(
                &heard.all()[..],
                [ServerEvent::MessageFailed { room_id, code: ErrorCode::DeliveryFailed, .. }]
                    if *room_id == poisoned
            ),
            "{:?}",
            heard.all()
        );
        worker.finish().await;
        assert_eq!(stage.dead_letters().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_statement_always_times_out_stops_nobody_else() {
    on_stage(1, async |stage| {
        for statement in [
            "CREATE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014'; END $$",
            "CREATE TRIGGER too_slow BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.content = '666') \
             EXECUTE FUNCTION too_slow()",
        ] {
            sqlx::query(statement).execute(&stage.pool).await.unwrap();
        }
        let people = stage.users(1).await;
        let (slow, other) = (stage.room(&people).await, stage.room(&people).await);
        let publisher = stage.publisher().await;
        let worker = stage.work("w1", stage.wiring());
        let stuck = send(slow, people[0], "666");
        for job in [&stuck, &send(slow, people[0], "1"), &send(other, people[0], "0")] {
            publisher.publish(job, None).await.unwrap();
        }
        stage.stored_all(other, 1).await;
        let letters = stage.dead_letters_all(1).await;
        assert_eq!(letters[0].delivery.message_id, Some(stuck.job_id.to_string()));
        assert_eq!(letters[0].attempts, 4);
        assert_eq!(stage.stored_all(slow, 1).await[0].content, "1");
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn another_worker_goes_on_where_the_ladder_was() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let mut wiring = stage.wiring();
        wiring.ladder_unit = Duration::from_millis(200);
        let first = stage.work("w1", wiring.clone());
        let publisher = stage.publisher().await;
        let poison = send(room, people[0], POISON);
        publisher.publish(&poison, None).await.unwrap();
        eventually("it failed twice", async || {
            let noted = attempts::read(&stage.redis, poison.job_id).await.unwrap();
            noted.is_some_and(|noted| noted.count == 2)
        })
        .await;
        first.finish().await;
        let second = stage.work("w2", wiring);
        let letters = stage.dead_letters_all(1).await;
        assert_eq!(letters[0].attempts, 4);
        assert_eq!(
            attempts::read(&stage.redis, poison.job_id).await.unwrap(),
            None,
            "a replay gets the whole ladder again"
        );
        second.finish().await;
    })
    .await;
}

#[tokio::test]
async fn more_jobs_behind_a_poison_than_are_prefetched_do_not_stop_other_rooms() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let (poisoned, other) = (stage.room(&people).await, stage.room(&people).await);
        let mut wiring = stage.wiring();
        wiring.rabbit.prefetch = 10;
        wiring.ladder_unit = Duration::from_millis(200);
        let worker = stage.work("w1", wiring);
        let publisher = stage.publisher().await;
        publisher
            .publish(&send(poisoned, people[0], POISON), None)
            .await
            .unwrap();
        for number in 0..60 {
            let job = send(poisoned, people[0], &number.to_string());
            publisher.publish(&job, None).await.unwrap();
        }
        publisher
            .publish(&send(other, people[0], "0"), None)
            .await
            .unwrap();
        stage.stored_all(other, 1).await;
        assert!(
            stage.dead_letters().await.is_empty(),
            "the other room did not wait for the end of the ladder"
        );
        let letters = stage.dead_letters_all(1).await;
        assert_eq!(letters[0].attempts, 4);
        let stored = stage.stored_all(poisoned, 60).await;
        crate::stage::assert_in_order(&stored);
        worker.finish().await;
    })
    .await;
}

async fn publish_raw(stage: &Stage, body: &[u8], signature: Option<(String, String)>) {
    let mut headers = FieldTable::default();
    if let Some((key_id, hex)) = signature {
        headers.insert(HEADER_KEY_ID.into(), AMQPValue::LongString(key_id.into()));
        headers.insert(HEADER_SIGNATURE.into(), AMQPValue::LongString(hex.into()));
    }
    let channel = queues::raw_channel().await;
    channel
        .basic_publish(
            stage.rabbit.names.exchange.as_str().into(),
            "high.0".into(),
            BasicPublishOptions::default(),
            body,
            BasicProperties::default().with_headers(headers),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn unsigned_forged_and_undecodable_jobs_are_dead_letters_at_once() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let mut wiring = stage.wiring();
        // A ladder would take longer than the test's patience.
        wiring.ladder_unit = Duration::from_secs(60);
        let worker = stage.work("w1", wiring);
        let body = serde_json::to_vec(&send(room, people[0], "forged")).unwrap();
        publish_raw(stage, &body, None).await;
        let other = KeyRing::parse("test:fedcba9876543210").unwrap().sign(&body);
        publish_raw(stage, &body, Some((other.key_id, other.hex))).await;
        let junk = b"{\"v\":1";
        let signed = stage.keys.sign(junk);
        publish_raw(stage, junk, Some((signed.key_id, signed.hex))).await;

        let letters = stage.dead_letters_all(3).await;
        let reasons: Vec<&str> = letters
            .iter()
            .map(|letter| letter.reason.as_str())
            .collect();
        assert!(reasons[0].contains("not signed"), "{reasons:?}");
        assert!(reasons[1].contains("signature"), "{reasons:?}");
        assert!(reasons[2].contains("decoded"), "{reasons:?}");
        assert!(letters.iter().all(|letter| letter.attempts == 0));
        assert!(stage.stored(room).await.is_empty());

        let publisher = stage.publisher().await;
        publisher
            .publish(&send(room, people[0], "0"), None)
            .await
            .unwrap();
        stage.stored_all(room, 1).await;
        worker.finish().await;
    })
    .await;
}
