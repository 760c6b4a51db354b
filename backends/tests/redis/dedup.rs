use chat_backends::redis::dedup::{self, Claim};
use chat_core::ids::{JobId, RoomId, UserId};

use crate::fixture::redis;

#[tokio::test]
async fn of_fifty_sends_at_once_exactly_one_is_the_first_and_all_learn_its_id() {
    let redis = redis().await;
    let (user, room) = (UserId::random(), RoomId::now_v7());
    let jobs: Vec<JobId> = (0..50).map(|_| JobId::now_v7()).collect();
    let claims = futures::future::join_all(
        jobs.iter()
            .map(|job| dedup::claim(&redis, user, room, "tmp-1", *job)),
    )
    .await;
    let mut firsts = Vec::new();
    let mut repeated = Vec::new();
    for (job, claim) in jobs.iter().zip(claims) {
        match claim.unwrap() {
            Claim::First => firsts.push(*job),
            Claim::Repeat(first) => repeated.push(first),
        }
    }
    assert_eq!(firsts.len(), 1);
    assert!(repeated.iter().all(|first| *first == firsts[0]));
    let found = dedup::look_up(&redis, user, room, "tmp-1").await.unwrap();
    assert_eq!(found, Some(firsts[0]));
}

#[tokio::test]
async fn a_claim_is_per_user_and_room_and_the_same_job_is_no_repeat_of_itself() {
    let redis = redis().await;
    let (user, room, job) = (UserId::random(), RoomId::now_v7(), JobId::now_v7());
    for (user, room) in [
        (user, room),
        (user, room),
        (UserId::random(), room),
        (user, RoomId::now_v7()),
    ] {
        let claim = dedup::claim(&redis, user, room, "tmp-1", job)
            .await
            .unwrap();
        assert_eq!(claim, Claim::First);
    }
}

#[tokio::test]
async fn only_its_own_job_gives_a_claim_back() {
    let redis = redis().await;
    let (user, room) = (UserId::random(), RoomId::now_v7());
    let (first, second) = (JobId::now_v7(), JobId::now_v7());
    dedup::claim(&redis, user, room, "c", first).await.unwrap();
    dedup::release(&redis, user, room, "c", second)
        .await
        .unwrap();
    let claim = dedup::claim(&redis, user, room, "c", second).await.unwrap();
    assert_eq!(claim, Claim::Repeat(first));
    dedup::release(&redis, user, room, "c", first)
        .await
        .unwrap();
    let claim = dedup::claim(&redis, user, room, "c", second).await.unwrap();
    assert_eq!(claim, Claim::First);
}
