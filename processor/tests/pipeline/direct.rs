//! Processing without the broker, and what its later duplicate does.

use std::sync::Arc;

use chat_core::job::Act;
use chat_processor::context::{Context, Policy};
use chat_processor::direct;

use crate::stage::{Stage, assert_in_order, eventually, on_stage, send};

fn context(stage: &Stage) -> Context {
    Context {
        pg: stage.pool.clone(),
        redis: stage.redis.clone(),
        policy: Arc::new(Policy::default()),
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
