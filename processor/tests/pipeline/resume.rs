//! Catching up after a reconnect, from memory where that is complete.

use chat_test_support::eventually;
use std::sync::Arc;

use chat_core::protocol::client::ResumeRoom;
use chat_processor::commands::resume::{self, Action};
use chat_processor::context::{Context, Policy};

use crate::stage::{on_stage, send};

#[tokio::test]
async fn a_small_gap_and_an_equal_head_need_no_database() {
    on_stage(1, async |stage| {
        let people = stage.users(2).await;
        let room = stage.room(&people).await;
        let heard = stage.listen(&[room], &[]).await;
        let publisher = stage.publisher().await;
        let worker = stage.work("w1", stage.wiring());
        for number in 0..20 {
            let job = send(room, people[0], &number.to_string());
            publisher.publish(&job, None).await.unwrap();
        }
        eventually("all are heard", async || heard.seqs(room).len() == 20).await;
        worker.finish().await;

        let at = |last_seq| ResumeRoom {
            room_id: room,
            last_seq,
        };
        let mut context = Context {
            pg: stage.pool.clone(),
            redis: stage.redis.clone(),
            policy: Arc::new(Policy::default()),
        };
        // The first who asks fills what is remembered of the room's members.
        let first = resume::run(&context, people[1], &[at(20)], |_| None)
            .await
            .unwrap();
        assert_eq!(first[0].action, Action::Ok);

        // From here on there is no database.
        let nowhere = stage.pg.connect_options().port(1);
        context.pg = sqlx::postgres::PgPoolOptions::new()
            .acquire_timeout(std::time::Duration::from_millis(200))
            .connect_lazy_with(nowhere);
        let same = resume::run(&context, people[1], &[at(20)], |_| None)
            .await
            .unwrap();
        assert_eq!((same[0].action, same[0].last_seq), (Action::Ok, 20));
        let gap = resume::run(&context, people[1], &[at(13)], |_| None)
            .await
            .unwrap();
        assert_eq!(gap[0].action, Action::Gap);
        let messages = gap[0].messages.as_ref().unwrap();
        let seqs: Vec<i64> = messages.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, (14..=20).collect::<Vec<i64>>());
        assert_eq!(messages[0].content.as_deref(), Some("13"));
        assert!(
            resume::run(&context, people[1], &[at(21)], |_| None)
                .await
                .is_err(),
            "a position that Redis does not know is for Postgres to judge"
        );
    })
    .await;
}
