//! What a backlog may hold back.
//!
//! Each partition has a queue of messages and calls, and another of group operations, each with a consumer of its own: what
//! a consumer has fetched ahead of one can't stand before the other. Within a queue RabbitMQ 4.0 to 4.2 know priorities
//! above 4 and the rest, and messages (8, 9) and calls (10) are all above: a call waits for its place, and for nothing
//! behind it.

use std::time::{Duration, Instant};

use chat_backends::rabbitmq::publisher::Publisher;
use chat_core::ids::{CallId, RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::protocol::objects::CallMedia;
use chat_core::protocol::server::ServerEvent;
use chat_test_support::eventually;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sqlx::Connection as _;

use crate::stage::{on_stage, send};

const BACKLOG: usize = 1500;

fn job(room: RoomId, user: UserId, act: Act) -> Job {
    let mut job = send(room, user, "");
    job.priority = act.priority();
    job.act = act;
    job
}

fn call(room: RoomId, caller: UserId) -> Job {
    let act = Act::InitiateCall {
        call_id: CallId::now_v7(),
        media: CallMedia::Audio,
        sdp: None,
    };
    job(room, caller, act)
}

async fn publish_all(publisher: &Publisher, jobs: impl Iterator<Item = Job>) {
    let jobs: Vec<Job> = jobs.collect();
    let confirms: FuturesUnordered<_> = jobs
        .iter()
        .map(|job| publisher.publish(job, None))
        .collect();
    confirms
        .for_each(async |confirmed| confirmed.unwrap())
        .await;
}

/// How many events of the backlog were heard before the one that is looked for.
fn heard_before(
    heard: &[ServerEvent],
    backlog: impl Fn(&ServerEvent) -> bool,
    found: impl Fn(&ServerEvent) -> bool,
) -> usize {
    let place = heard.iter().position(found).expect("it was heard");
    heard[..place].iter().filter(|event| backlog(event)).count()
}

#[tokio::test]
async fn a_backlog_of_messages_holds_back_no_group_operation_and_what_came_after_a_call_waits_for_it()
 {
    on_stage(1, async |stage| {
        let people = stage.users(4).await;
        let (busy, other) = (&people[..1], &people[1..]);
        let rooms = [stage.room(busy).await, stage.room(other).await];
        let [busy_room, room] = rooms;
        let heard = stage.listen(&[busy_room], other).await;
        let publisher = stage.publisher().await;
        let backlog = || (0..BACKLOG).map(|number| send(busy_room, busy[0], &number.to_string()));
        publish_all(&publisher, backlog()).await;
        publisher.publish(&call(room, other[0]), None).await.unwrap();
        publish_all(&publisher, backlog()).await;
        let announced = job(room, other[1], Act::AnnounceRoom {});
        publisher.publish(&announced, None).await.unwrap();

        let began = Instant::now();
        let worker = stage.work("w1", stage.wiring());
        let is_message = |event: &ServerEvent| {
            matches!(event, ServerEvent::MessageDelivered(message) if message.room_id == busy_room)
        };
        let is_call = |event: &ServerEvent| matches!(event, ServerEvent::CallUnavailable { .. });
        let is_room = |event: &ServerEvent| matches!(event, ServerEvent::RoomCreated { .. });
        eventually("the call is heard", async || heard.all().iter().any(is_call)).await;
        let call_took = began.elapsed();
        eventually("everything is heard", async || {
            heard.seqs(busy_room).len() >= 2 * BACKLOG
        })
        .await;
        let all_took = began.elapsed();
        let heard = heard.all();
        let before_room = heard_before(&heard, is_message, is_room);
        let before_call = heard_before(&heard, is_message, is_call);
        eprintln!(
            "{before_room} messages before the group operation, {before_call} before the call, \
             which took {call_took:?} of {all_took:?}"
        );
        assert!(before_room < BACKLOG / 2, "{before_room}");
        // Its place, and what shares a batch with it.
        assert!(before_call <= BACKLOG + 200, "{before_call}");
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_backlog_of_group_operations_holds_back_no_call_and_no_message() {
    on_stage(1, async |stage| {
        let people = stage.users(4).await;
        let (busy, other) = (&people[..2], &people[2..]);
        let rooms = [stage.room(busy).await, stage.room(other).await];
        let [busy_room, room] = rooms;
        let heard = stage.listen(&[room], &[busy[0], other[0]]).await;
        let publisher = stage.publisher().await;
        let announced = |_| job(busy_room, busy[1], Act::AnnounceRoom {});
        publish_all(&publisher, (0..BACKLOG).map(announced)).await;
        publisher
            .publish(&call(room, other[0]), None)
            .await
            .unwrap();
        let message = send(room, other[0], "0");
        publisher.publish(&message, None).await.unwrap();

        let worker = stage.work("w1", stage.wiring());
        let is_room = |event: &ServerEvent| matches!(event, ServerEvent::RoomCreated { .. });
        let rooms_heard = || heard.all().iter().filter(|event| is_room(event)).count();
        eventually("everything is heard", async || rooms_heard() >= BACKLOG).await;
        let heard = heard.all();
        let is_call = |event: &ServerEvent| matches!(event, ServerEvent::CallUnavailable { .. });
        let is_message = |event: &ServerEvent| matches!(event, ServerEvent::MessageDelivered(_));
        let before_call = heard_before(&heard, is_room, is_call);
        let before_message = heard_before(&heard, is_room, is_message);
        eprintln!(
            "{before_call} group operations before the call, {before_message} before the message"
        );
        assert!(before_call < BACKLOG / 2, "{before_call}");
        assert!(before_message < BACKLOG / 2, "{before_message}");
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_room_that_somebody_locks_holds_up_no_other_partition() {
    on_stage(2, async |stage| {
        let people = stage.users(1).await;
        let locked = stage.room_in(0, &people).await;
        let free = stage.room_in(1, &people).await;
        let publisher = stage.publisher().await;
        let worker = stage.work("w1", stage.wiring());
        for room in [locked, free] {
            let job = send(room, people[0], "0");
            publisher.publish(&job, None).await.unwrap();
            stage.stored_all(room, 1).await;
        }
        let mut holder = stage.pool.acquire().await.unwrap();
        let mut holding = holder.begin().await.unwrap();
        sqlx::query("SELECT FROM rooms WHERE room_id = $1 FOR UPDATE")
            .bind(locked.uuid())
            .execute(&mut *holding)
            .await
            .unwrap();
        let job = send(locked, people[0], "1");
        publisher.publish(&job, None).await.unwrap();
        eventually("it waits for the lock", async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
            let waiting = sqlx::query_scalar::<_, i64>(waiting);
            waiting.fetch_one(&stage.pool).await.unwrap() > 0
        })
        .await;
        let began = Instant::now();
        let other = send(free, people[0], "1");
        publisher.publish(&other, None).await.unwrap();
        stage.stored_all(free, 2).await;
        let took = began.elapsed();
        holding.commit().await.unwrap();
        eprintln!("the other partition took {took:?} while a room was locked");
        assert!(took < Duration::from_secs(2), "{took:?}");
        stage.stored_all(locked, 2).await;
        worker.finish().await;
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}
