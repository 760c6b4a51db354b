//! What an acknowledged send becomes.

use chat_backends::rabbitmq::topology;
use chat_backends::redis::announce;
use chat_core::protocol::server::ServerEvent;
use chat_test_support::{event_log, eventually, queues};
use futures::StreamExt;
use futures::stream::FuturesOrdered;

use crate::outages::{over_rabbit, over_redis};
use crate::stage::{assert_in_order, on_stage, send};
use chat_test_support::cuttable_link::CuttableLink;

#[tokio::test]
async fn acknowledged_sends_are_stored_once_without_gaps_in_each_senders_order() {
    on_stage(2, async |stage| {
        let people = stage.users(3).await;
        let rooms = [
            stage.room_in(0, &people).await,
            stage.room_in(1, &people).await,
            stage.room_in(1, &people).await,
        ];
        let heard = stage.listen(&rooms, &[]).await;
        let worker = stage.work("w1", stage.wiring());
        let publisher = stage.publisher().await;
        let jobs: Vec<_> = (0..80)
            .flat_map(|number| {
                people.iter().flat_map(move |sender| {
                    rooms.map(|room| send(room, *sender, &number.to_string()))
                })
            })
            .collect();
        let confirms: FuturesOrdered<_> = jobs
            .iter()
            .map(|job| publisher.publish(job, None))
            .collect();
        confirms
            .for_each(async |confirmed| confirmed.unwrap())
            .await;
        for room in rooms {
            let stored = stage.stored_all(room, 240).await;
            assert_in_order(&stored);
            assert_eq!(stored.len(), 240);
            eventually("all are heard", async || heard.seqs(room).len() >= 240).await;
            assert_eq!(heard.seqs(room), (1..=240).collect::<Vec<i64>>());
        }
        let heads = announce::heads(&stage.redis, &rooms).await.unwrap();
        assert_eq!(heads, [Some(240); 3], "Redis knows the rooms' heads");
        worker.finish().await;
        assert!(stage.dead_letters().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_the_event_log_can_not_take_is_told_at_once_and_acknowledged_when_it_has_it() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let heard = stage.listen(&[room], &[]).await;
        let publisher = stage.publisher().await;
        let worker = stage.work("w1", stage.wiring());
        worker.is_ready().await;
        let log = &stage.rabbit.names.log;
        let channel = queues::raw_channel().await;
        let deleted = channel.exchange_delete(log.as_str().into(), Default::default());
        deleted.await.unwrap();
        for number in 1..=3_usize {
            let job = send(room, people[0], &number.to_string());
            publisher.publish(&job, None).await.unwrap();
            eventually("each is told", async || heard.seqs(room).len() == number).await;
        }
        assert!(logged(log).await.is_empty());
        // Nothing of it was acknowledged, so all of it comes again.
        worker.kill().await;
        topology::declare(&stage.broker, &stage.rabbit)
            .await
            .unwrap();
        let worker = stage.work("w2", stage.wiring());
        eventually("all is in the log", async || logged(log).await.len() == 3).await;
        worker.finish().await;
        assert_eq!(logged(log).await, [1, 2, 3]);
        assert_eq!(stage.stored(room).await.len(), 3);
    })
    .await;
}

/// The numbers of the messages that are in the log, in its order.
async fn logged(log: &str) -> Vec<i64> {
    let entries = event_log::read(log).await;
    let created = |entry: &event_log::LogEntry| entry.event["eventType"] == "message.created";
    let created = entries.iter().filter(|entry| created(entry));
    let seqs = created.map(|entry| entry.event["data"]["seq"].as_i64().unwrap());
    seqs.collect()
}

#[tokio::test]
async fn a_redelivery_after_the_commit_doubles_nothing_and_is_told_again() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let heard = stage.listen(&[room], &[]).await;
        let (redis, rabbit): (CuttableLink, CuttableLink);
        let mut wiring = stage.wiring();
        (redis, wiring.redis) = over_redis().await;
        (rabbit, wiring.rabbit) = over_rabbit(stage).await;
        let worker = stage.work("w1", wiring);
        worker.is_ready().await;
        // Commits, and can't tell.
        redis.cut();
        let publisher = stage.publisher().await;
        let job = send(room, people[0], "1");
        publisher.publish(&job, None).await.unwrap();
        stage.stored_all(room, 1).await;
        // Can't acknowledge either, then tells.
        rabbit.freeze();
        redis.heal();
        eventually("it is told", async || heard.seqs(room).len() == 1).await;
        rabbit.cut();
        worker.has_lost_rabbitmq().await;
        rabbit.heal();
        eventually("it is told again", async || heard.seqs(room).len() == 2).await;
        assert_eq!(heard.seqs(room), [1, 1]);
        publisher
            .publish(&send(room, people[0], "2"), None)
            .await
            .unwrap();
        let stored = stage.stored_all(room, 2).await;
        assert_in_order(&stored);
        assert_eq!(stored[0].job, job.job_id);
        worker.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_repeated_send_is_answered_to_its_socket_only_and_the_first_content_wins() {
    on_stage(1, async |stage| {
        let people = stage.users(2).await;
        let room = stage.room(&people).await;
        let heard = stage.listen(&[room], &people).await;
        let worker = stage.work("w1", stage.wiring());
        let publisher = stage.publisher().await;
        let first = send(room, people[0], "first");
        let mut repeat = send(room, people[0], "second");
        repeat.socket_id = Some("s1".to_owned());
        if let (chat_core::job::Act::SendMessage(first), chat_core::job::Act::SendMessage(repeat)) =
            (&first.act, &mut repeat.act)
        {
            repeat.client_msg_id.clone_from(&first.client_msg_id);
        }
        publisher.publish(&first, None).await.unwrap();
        publisher.publish(&repeat, None).await.unwrap();
        eventually("both are answered", async || heard.all().len() == 2).await;
        let contents: Vec<_> = heard
            .all()
            .into_iter()
            .map(|event| match event {
                ServerEvent::MessageDelivered(message) => message.content,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            contents,
            [Some("first".to_owned()), Some("first".to_owned())]
        );
        assert_eq!(stage.stored(room).await.len(), 1);
        worker.finish().await;
    })
    .await;
}
