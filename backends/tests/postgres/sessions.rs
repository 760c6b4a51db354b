//! Refresh tokens: single use, and what happens when one is used twice.

use std::time::Duration;

use chat_backends::postgres::sessions::{self, NewSession, Rotation, TokenHash};
use chat_backends::postgres::{PgPool, users};
use chat_core::ids::{SessionId, UserId};
use chat_core::time::Timestamp;

use crate::database::{user, with_database};

const DAY: Duration = Duration::from_secs(86_400);

async fn login(pool: &PgPool, user: UserId, refresh_hash: TokenHash) -> SessionId {
    let now = Timestamp::now();
    let id = SessionId::random();
    let session = NewSession {
        id,
        user_id: user,
        user_agent: Some("test".to_owned()),
        ip: None,
        refresh_hash,
        refresh_expires_at: now + DAY,
        created_at: now,
    };
    sessions::insert(pool, &session).await.unwrap();
    id
}

async fn rotate(pool: &PgPool, presented: TokenHash, successor: TokenHash) -> Rotation {
    let now = Timestamp::now();
    sessions::rotate(pool, &presented, &successor, now + DAY, now)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_used_refresh_token_revokes_its_whole_session_and_no_other() {
    with_database(|pool| async move {
        let user = user(&pool).await;
        let stolen = login(&pool, user, [1; 32]).await;
        let other = login(&pool, user, [9; 32]).await;
        let rotated = Rotation::Rotated {
            user_id: user,
            session_id: stolen,
        };
        assert_eq!(rotate(&pool, [1; 32], [2; 32]).await, rotated);
        assert_eq!(rotate(&pool, [2; 32], [3; 32]).await, rotated);

        let reused = Rotation::Reused {
            user_id: user,
            session_id: stolen,
        };
        assert_eq!(rotate(&pool, [1; 32], [4; 32]).await, reused);
        assert_eq!(
            rotate(&pool, [3; 32], [5; 32]).await,
            Rotation::Revoked,
            "the good one is dead too"
        );
        assert_eq!(rotate(&pool, [4; 32], [5; 32]).await, Rotation::Unknown);
        let state = users::auth_state(&pool, user, Some(stolen))
            .await
            .unwrap()
            .unwrap();
        assert!(state.session_revoked);
        let state = users::auth_state(&pool, user, Some(other))
            .await
            .unwrap()
            .unwrap();
        assert!(!state.session_revoked);
        let listed = sessions::list(&pool, user, Timestamp::now()).await.unwrap();
        assert_eq!(listed.iter().map(|it| it.id).collect::<Vec<_>>(), [other]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_present_one_token_at_once_one_rotates() {
    with_database(|pool| async move {
        let user = user(&pool).await;
        login(&pool, user, [1; 32]).await;
        let tasks: Vec<_> = (10..18)
            .map(|number| {
                let pool = pool.clone();
                tokio::spawn(async move { rotate(&pool, [1; 32], [number; 32]).await })
            })
            .collect();
        let mut rotated = 0;
        for task in tasks {
            match task.await.unwrap() {
                Rotation::Rotated { .. } => rotated += 1,
                Rotation::Reused { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(rotated, 1);
        assert_eq!(
            sessions::list(&pool, user, Timestamp::now()).await.unwrap(),
            []
        );
    })
    .await;
}

#[tokio::test]
async fn an_expired_token_is_no_theft_and_is_forgotten_in_time() {
    with_database(|pool| async move {
        let user = user(&pool).await;
        let session = login(&pool, user, [1; 32]).await;
        let later = Timestamp::now() + DAY + DAY;
        let expired = sessions::rotate(&pool, &[1; 32], &[2; 32], later + DAY, later)
            .await
            .unwrap();
        assert_eq!(expired, Rotation::Expired);
        let state = users::auth_state(&pool, user, Some(session))
            .await
            .unwrap()
            .unwrap();
        assert!(!state.session_revoked);
        assert_eq!(sessions::prune(&pool, Timestamp::now()).await.unwrap(), 0);
        sessions::prune(&pool, later).await.unwrap();
        assert_eq!(rotate(&pool, [1; 32], [3; 32]).await, Rotation::Unknown);
    })
    .await;
}

#[tokio::test]
async fn all_other_sessions_can_be_revoked_at_once_but_never_anothers() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let kept = login(&pool, one, [1; 32]).await;
        let gone = login(&pool, one, [2; 32]).await;
        let theirs = login(&pool, other, [3; 32]).await;
        let now = Timestamp::now();
        assert!(!sessions::revoke(&pool, one, theirs, now).await.unwrap());
        assert_eq!(
            sessions::revoke_all(&pool, one, Some(kept), now)
                .await
                .unwrap(),
            [gone]
        );
        assert!(sessions::revoke(&pool, one, kept, now).await.unwrap());
        assert!(!sessions::revoke(&pool, one, kept, now).await.unwrap());
        assert_eq!(sessions::list(&pool, other, now).await.unwrap().len(), 1);
    })
    .await;
}
