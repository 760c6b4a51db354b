//! Uploaded files, browsers' subscriptions and exports.

use std::time::Duration;

use chat_backends::postgres::exports::{self, ExportState};
use chat_backends::postgres::push::{self, PushSubscription};
use chat_backends::postgres::{attachments, messages};
use chat_core::ids::{AttachmentId, ExportId, PushSubscriptionId};
use chat_core::protocol::objects::Attachment;
use chat_core::time::Timestamp;

use crate::database::{append, group, inserted, text, user, with_database};

fn file() -> Attachment {
    Attachment {
        id: AttachmentId::now_v7(),
        file_name: "a.png".to_owned(),
        mime_type: "image/png".to_owned(),
        size: 10,
        sha256: "00".to_owned(),
        url: "/api/v1/attachments/x".to_owned(),
        thumb_url: None,
        width: Some(1),
        height: Some(2),
        duration_ms: None,
        created_at: Timestamp::now(),
    }
}

#[tokio::test]
async fn a_file_is_read_by_its_uploader_and_by_rooms_that_hold_it_and_goes_when_nothing_does() {
    with_database(|pool| async move {
        let (uploader, member, stranger) =
            (user(&pool).await, user(&pool).await, user(&pool).await);
        let room = group(&pool, &[uploader, member]).await;
        let (held, loose) = (file(), file());
        attachments::insert(&pool, uploader, &held).await.unwrap();
        attachments::insert(&pool, uploader, &loose).await.unwrap();
        assert!(
            attachments::all_uploaded_by(&pool, uploader, &[held.id, loose.id, held.id])
                .await
                .unwrap()
        );
        assert!(
            !attachments::all_uploaded_by(&pool, member, &[held.id])
                .await
                .unwrap()
        );
        let mut new = text(room, uploader, "");
        new.send.attachments = vec![held.id];
        let message = inserted(append(&pool, &[new]).await.pop());
        assert_eq!(message.attachments, std::slice::from_ref(&held));
        let mut conn = pool.acquire().await.unwrap();
        let now = Timestamp::now();
        for (reader, file, may) in [
            (uploader, &held, true),
            (member, &held, true),
            (stranger, &held, false),
            (uploader, &loose, true),
            (member, &loose, false),
        ] {
            let read = attachments::readable(&mut conn, reader, file.id, now)
                .await
                .unwrap();
            assert_eq!(read, may.then(|| file.clone()));
        }
        let later = now + Duration::from_secs(60);
        assert_eq!(
            attachments::collect_garbage(&pool, later, 10)
                .await
                .unwrap(),
            [loose.id]
        );
        messages::delete_for_all(&pool, room, message.seq, uploader, now)
            .await
            .unwrap();
        assert_eq!(
            attachments::readable(&mut conn, member, held.id, now)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            attachments::collect_garbage(&pool, later, 10)
                .await
                .unwrap(),
            [held.id]
        );
    })
    .await;
}

#[tokio::test]
async fn a_browser_belongs_to_whoever_subscribed_last() {
    with_database(|pool| async move {
        let (one, other) = (user(&pool).await, user(&pool).await);
        let subscription = |user_id| PushSubscription {
            id: PushSubscriptionId::now_v7(),
            user_id,
            endpoint: "https://push.example.org/1".to_owned(),
            p256dh: "k".to_owned(),
            auth: "a".to_owned(),
        };
        let now = Timestamp::now();
        let mut conn = pool.acquire().await.unwrap();
        let first = push::subscribe(&mut conn, &subscription(one), 10, now)
            .await
            .unwrap();
        assert_eq!(
            push::subscribe(&mut conn, &subscription(one), 10, now)
                .await
                .unwrap(),
            first
        );
        let second = push::subscribe(&mut conn, &subscription(other), 10, now)
            .await
            .unwrap();
        assert_ne!(first, second);
        assert_eq!(push::of(&pool, &[one]).await.unwrap(), []);
        assert_eq!(push::of(&pool, &[one, other]).await.unwrap()[0].id, second);
        assert!(!push::unsubscribe(&pool, one, second).await.unwrap());
        assert!(push::unsubscribe(&pool, other, second).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn of_a_users_browsers_the_latest_are_kept() {
    with_database(|pool| async move {
        let owner = user(&pool).await;
        let mut conn = pool.acquire().await.unwrap();
        for number in 0..5 {
            let browser = PushSubscription {
                id: PushSubscriptionId::now_v7(),
                user_id: owner,
                endpoint: format!("https://push.example.org/{number}"),
                p256dh: "k".to_owned(),
                auth: "a".to_owned(),
            };
            let now = Timestamp::now();
            push::subscribe(&mut conn, &browser, 3, now).await.unwrap();
        }
        let kept = push::of(&pool, &[owner]).await.unwrap();
        let endpoints: Vec<&str> = kept.iter().map(|it| it.endpoint.as_str()).collect();
        assert_eq!(
            endpoints,
            [2, 3, 4].map(|n| format!("https://push.example.org/{n}"))
        );
    })
    .await;
}

#[tokio::test]
async fn an_export_is_made_by_one_process_and_shown_to_its_owner_only() {
    with_database(|pool| async move {
        let (owner, stranger) = (user(&pool).await, user(&pool).await);
        let id = ExportId::random();
        let now = Timestamp::now();
        exports::insert(&pool, id, owner, now).await.unwrap();
        assert_eq!(
            exports::state(&pool, id, owner).await.unwrap(),
            Some(ExportState::Pending)
        );
        assert_eq!(exports::state(&pool, id, stranger).await.unwrap(), None);
        let mut tx = pool.begin().await.unwrap();
        assert_eq!(
            exports::next_pending(&mut *tx).await.unwrap(),
            Some((id, owner))
        );
        assert_eq!(exports::next_pending(&pool).await.unwrap(), None);
        exports::finish(&mut *tx, id, Some("exports/1.zip"), now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let ready = ExportState::Ready {
            object: "exports/1.zip".to_owned(),
        };
        assert_eq!(exports::state(&pool, id, owner).await.unwrap(), Some(ready));
        exports::finish(&pool, id, None, now).await.unwrap();
        assert_eq!(
            exports::state(&pool, id, owner).await.unwrap(),
            Some(ExportState::Failed)
        );
    })
    .await;
}
