//! Processing without the broker, and what its later duplicate does.

use std::sync::Arc;

use chat_backends::config::RedisConfig;
use chat_backends::redis::Redis;
use chat_core::ids::JobId;
use chat_core::job::{Act, Job};
use chat_processor::context::{Context, Policy};
use chat_processor::direct;
use chat_processor::failure::Failure;
use chat_processor::order::{Confirmed, StillQueued};
use chat_test_support::{eventually, until, variable};

use crate::stage::{POISON, Stage, assert_in_order, on_stage, send};

fn context(stage: &Stage) -> Context {
    Context {
        pg: stage.pool.clone(),
        redis: stage.redis.clone(),
        policy: Arc::new(Policy::default()),
    }
}

/// With a Redis that came back empty: another database of it.
fn emptied(stage: &Stage) -> Context {
    let url = variable("TEST_REDIS_URL");
    let other = format!("{}/1", url.trim_end_matches('/'));
    Context {
        redis: Redis::open(&RedisConfig::from_url(other).unwrap()).unwrap(),
        ..context(stage)
    }
}

#[tokio::test]
async fn a_job_that_was_done_directly_is_not_done_again_by_the_queue() {
    on_stage(1, async |stage| {
        let people = stage.users(2).await;
        let room = stage.room(&people).await;
        let heard = stage.listen(&[room], &[]).await;
        let job = send(room, people[0], "0");
        direct::process(&context(stage), &job).await.unwrap();
        assert_eq!(stage.stored(room).await.len(), 1);
        eventually("it is heard", async || heard.seqs(room) == [1]).await;

        let worker = stage.work("w1", stage.wiring());
        let publisher = stage.publisher().await;
        publisher.publish(&job, None).await.unwrap();
        // The client's outbox sends once more, under the same id but as another job.
        let mut resent = send(room, people[0], "changed");
        if let (Act::SendMessage(first), Act::SendMessage(again)) = (&job.act, &mut resent.act) {
            again.client_msg_id.clone_from(&first.client_msg_id);
        }
        publisher.publish(&resent, None).await.unwrap();
        publisher
            .publish(&send(room, people[1], "1"), None)
            .await
            .unwrap();
        let stored = stage.stored_all(room, 2).await;
        assert_in_order(&stored);
        assert_eq!(stored.len(), 2);
        assert_eq!(
            (stored[0].job, stored[0].content.as_str()),
            (job.job_id, "0")
        );
        worker.finish().await;
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_direct_send_does_not_overtake_what_the_broker_has_confirmed() {
    on_stage(1, async |stage| {
        let people = stage.users(2).await;
        let room = stage.room(&people).await;
        let publisher = stage.publisher().await;
        let queued = send(room, people[0], "0");
        publisher.publish(&queued, None).await.unwrap();
        Confirmed::default().note(&context(stage), &queued).await;
        // The broker is lost to this gateway now; the queue still holds the first send.
        let later = send(room, people[0], "1");
        let refused = direct::process(&context(stage), &later).await;
        assert!(
            matches!(&refused, Err(Failure::Unavailable(why)) if why.is::<StillQueued>()),
            "{refused:?}"
        );
        // Nor may a repeat of the queued send itself: others of its sender may lie before it. Other people are not held up.
        let repeated = direct::process(&context(stage), &queued).await;
        assert!(
            matches!(&repeated, Err(Failure::Unavailable(why)) if why.is::<StillQueued>()),
            "{repeated:?}"
        );
        direct::process(&context(stage), &send(room, people[1], "5"))
            .await
            .unwrap();
        let worker = stage.work("w1", stage.wiring());
        stage.stored_all(room, 2).await;
        direct::process(&context(stage), &later).await.unwrap();
        assert_in_order(&stage.stored_all(room, 3).await);
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_repeat_of_what_is_stored_does_not_hide_what_is_queued_before_it() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let (context, gateway) = (context(stage), Confirmed::default());
        // Done directly, but its client did not hear so; then the broker is back for a moment.
        let first = send(room, people[0], "0");
        direct::process(&context, &first).await.unwrap();
        let queued = send(room, people[0], "1");
        let repeat = Job {
            job_id: JobId::now_v7(),
            ..first
        };
        let publisher = stage.publisher().await;
        for job in [&queued, &repeat] {
            publisher.publish(job, None).await.unwrap();
            gateway.note(&context, job).await;
        }
        let later = send(room, people[0], "2");
        let is_refused = |outcome: Result<(), Failure>| matches!(outcome, Err(Failure::Unavailable(why)) if why.is::<StillQueued>());
        assert!(is_refused(gateway.require_done(&context, &later).await));
        assert!(is_refused(direct::process(&context, &later).await));
        let worker = stage.work("w1", stage.wiring());
        until("the repeat is done, too", async || {
            gateway.require_done(&context, &later).await.ok()
        })
        .await;
        direct::process(&context, &later).await.unwrap();
        assert_in_order(&stage.stored_all(room, 3).await);
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_redis_lost_of_the_confirmed_sends_the_gateway_still_knows_and_notes_again() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let publisher = stage.publisher().await;
        let queued = send(room, people[0], "0");
        publisher.publish(&queued, None).await.unwrap();
        let gateway = Confirmed::default();
        gateway.note(&context(stage), &queued).await;
        let context = emptied(stage);
        let later = send(room, people[0], "1");
        let is_refused = |outcome: Result<(), Failure>| matches!(outcome, Err(Failure::Unavailable(why)) if why.is::<StillQueued>());
        assert!(is_refused(gateway.require_done(&context, &later).await));
        gateway.note_again(&context).await.unwrap();
        assert!(is_refused(direct::process(&context, &later).await), "another gateway knows it, too");
        let worker = stage.work("w1", stage.wiring());
        stage.stored_all(room, 1).await;
        gateway.require_done(&context, &later).await.unwrap();
        direct::process(&context, &later).await.unwrap();
        assert_in_order(&stage.stored_all(room, 2).await);
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_redis_can_not_be_told_outlives_the_gateway_too() {
    on_stage(1, async |stage| {
        let people = stage.users(3).await;
        let room = stage.room(&people).await;
        let publisher = stage.publisher().await;
        let (before, meanwhile) = (send(room, people[0], "0"), send(room, people[1], "5"));
        let between = send(room, people[2], "8");
        for job in [&before, &meanwhile, &between] {
            publisher.publish(job, None).await.unwrap();
        }
        // A gateway notes one send before Redis is lost with all it holds, one while it is away, one before it is lost
        // again, and is killed then.
        let (with_redis, later_redis) = (context(stage), emptied(stage));
        let nowhere = RedisConfig::from_url("redis://127.0.0.1:1/").unwrap();
        let without = Context {
            redis: Redis::open(&nowhere).unwrap(),
            ..context(stage)
        };
        let gateway = Confirmed::default();
        gateway.note(&with_redis, &before).await;
        gateway.note(&without, &meanwhile).await;
        gateway.redis_is_there();
        gateway.note(&with_redis, &between).await;
        gateway.redis_is_away(&without).await;
        drop(gateway);

        let later = [(people[0], "1"), (people[1], "6"), (people[2], "9")];
        for (person, content) in later {
            let later = send(room, person, content);
            let refused = direct::process(&later_redis, &later).await;
            assert!(
                matches!(&refused, Err(Failure::Unavailable(why)) if why.is::<StillQueued>()),
                "{content}: {refused:?}"
            );
        }
        let worker = stage.work("w1", stage.wiring());
        stage.stored_all(room, 3).await;
        worker.finish().await;
        for (person, content) in later {
            direct::process(&later_redis, &send(room, person, content))
                .await
                .unwrap();
        }
        assert_in_order(&stage.stored_all(room, 6).await);
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_holds_up_no_direct_send() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let publisher = stage.publisher().await;
        let poison = send(room, people[0], POISON);
        publisher.publish(&poison, None).await.unwrap();
        Confirmed::default().note(&context(stage), &poison).await;
        let mut wiring = stage.wiring();
        wiring.ladder_unit = std::time::Duration::from_millis(2);
        let worker = stage.work("w1", wiring);
        stage.dead_letters_all(1).await;
        worker.finish().await;
        direct::process(&context(stage), &send(room, people[0], "0"))
            .await
            .unwrap();
        assert_eq!(stage.stored(room).await.len(), 1);
    })
    .await;
}
