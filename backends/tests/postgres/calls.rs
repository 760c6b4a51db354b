//! Calls.

use std::time::Duration;

use chat_backends::postgres::PgPool;
use chat_backends::postgres::calls::{self, NewCall};
use chat_core::ids::{CallId, RoomId, UserId};
use chat_core::protocol::objects::{CallMedia, CallState, ParticipantState};
use chat_core::time::Timestamp;

use crate::database::{group, user, with_database};

fn call(room: RoomId, caller: UserId, called: &[UserId]) -> NewCall {
    let now = Timestamp::now();
    NewCall {
        id: CallId::now_v7(),
        room_id: room,
        media: CallMedia::Audio,
        caller_id: caller,
        called: called.to_vec(),
        created_at: now,
        rings_until: now + Duration::from_secs(45),
    }
}

async fn begin(pool: &PgPool, call: &NewCall) -> bool {
    let mut tx = pool.begin().await.unwrap();
    let begun = calls::begin(&mut tx, call).await.unwrap();
    tx.commit().await.unwrap();
    begun
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_call_each_other_at_once_one_gets_through() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[one, other]).await;
        let (first, second) = (call(room, one, &[other]), call(room, other, &[one]));
        let (a, b) = tokio::join!(begin(&pool, &first), begin(&pool, &second));
        assert!(a ^ b, "{a} {b}");
        let winner = if a { &first } else { &second };
        assert_eq!(calls::live(&pool, room).await.unwrap(), Some(winner.id));
        assert!(
            begin(&pool, winner).await,
            "a redelivered job finds its own call"
        );
    })
    .await;
}

#[tokio::test]
async fn a_call_is_answered_once_and_ended_once_and_knows_how_long_it_was() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[one, other]).await;
        let new = call(room, one, &[other]);
        assert!(begin(&pool, &new).await);
        let answered = new.created_at + Duration::from_secs(5);
        let ended = answered + Duration::from_millis(61_500);
        assert!(calls::answer(&pool, room, new.id, answered).await.unwrap());
        assert!(!calls::answer(&pool, room, new.id, answered).await.unwrap());
        let place = (room, new.id);
        calls::set_participant(&pool, place, other, ParticipantState::Joined, answered)
            .await
            .unwrap();
        let reason = Some("hangup");
        assert!(
            calls::end(&pool, place, CallState::Ended, reason, ended)
                .await
                .unwrap()
        );
        assert!(
            !calls::end(&pool, place, CallState::Missed, None, ended)
                .await
                .unwrap()
        );
        let mut conn = pool.acquire().await.unwrap();
        let call = calls::by_id(&mut conn, new.id).await.unwrap().unwrap();
        assert_eq!(
            (call.state, call.duration_ms),
            (CallState::Ended, Some(61_500))
        );
        assert_eq!(call.end_reason.as_deref(), reason);
        assert_eq!(call.participants.len(), 2);
        for participant in &call.participants {
            assert_eq!(
                (participant.state, participant.left_at),
                (ParticipantState::Left, Some(ended))
            );
        }
        assert_eq!(
            calls::of_room(&mut conn, room, None, 10).await.unwrap(),
            std::slice::from_ref(&call)
        );
        assert_eq!(
            calls::of_room(&mut conn, room, Some(call.id), 10)
                .await
                .unwrap(),
            []
        );
        assert!(
            begin(&pool, &self::call(room, other, &[one])).await,
            "the room is free again"
        );
    })
    .await;
}

#[tokio::test]
async fn a_call_that_rings_out_is_taken_by_one_sweeper() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let room = group(&pool, &[one, other]).await;
        let new = call(room, one, &[other]);
        begin(&pool, &new).await;
        let (mut first, mut second) = (pool.begin().await.unwrap(), pool.begin().await.unwrap());
        assert!(
            calls::rung_out(&mut first, new.created_at, 10)
                .await
                .unwrap()
                .is_empty()
        );
        let over = new.rings_until;
        let taken = calls::rung_out(&mut first, over, 10).await.unwrap();
        assert_eq!(taken[0].id, new.id);
        assert!(
            calls::rung_out(&mut second, over, 10)
                .await
                .unwrap()
                .is_empty()
        );
        calls::end(&mut *first, (room, new.id), CallState::Missed, None, over)
            .await
            .unwrap();
        first.commit().await.unwrap();
        assert!(
            calls::rung_out(&mut second, over, 10)
                .await
                .unwrap()
                .is_empty()
        );
        let call = calls::lock(&mut second, new.id).await.unwrap().unwrap();
        assert_eq!((call.state, call.duration_ms), (CallState::Missed, None));
    })
    .await;
}
