//! Reports, and what administrators do.

use chat_backends::postgres::audit::{self, Filter};
use chat_backends::postgres::reports::{self, ReportStatus};
use chat_core::error::ErrorCode;
use chat_core::protocol::client::{self, ReportTarget};
use chat_core::protocol::objects::UserRole;
use chat_core::time::Timestamp;
use chat_processor::commands::{admin, report, send_message};

use crate::scene::{actor, message, on_scene, refused, unknown};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_one_can_see_is_reported() {
    on_scene(async |scene| {
        let [alice, bob, stranger] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let said = scene.say(room, bob, "rude").await.id;
        let by = async |user, target_type, target_id| {
            let asked = client::Report {
                target_type,
                target_id,
                reason: "rude".to_owned(),
                notes: None,
            };
            report::run(&scene.context, &actor(user), asked).await
        };
        let message = (ReportTarget::Message, said.uuid());
        assert!(by(alice, message.0, message.1).await.is_ok());
        assert_eq!(
            refused(by(stranger, message.0, message.1).await),
            ErrorCode::NotMember
        );
        let room = (ReportTarget::Room, room.uuid());
        assert_eq!(
            refused(by(stranger, room.0, room.1).await),
            ErrorCode::NotMember
        );
        let nobody = unknown::<()>().uuid();
        for (target, code) in [
            (ReportTarget::User, ErrorCode::UserNotFound),
            (ReportTarget::Message, ErrorCode::MessageNotFound),
            (ReportTarget::Room, ErrorCode::RoomNotFound),
            (ReportTarget::Story, ErrorCode::StoryNotFound),
        ] {
            assert_eq!(refused(by(alice, target, nobody).await), code);
        }
        let pending = reports::Filter {
            status: Some(ReportStatus::Pending),
            ..reports::Filter::default()
        };
        let stored = reports::list(&scene.context.pg, pending, 10).await;
        assert_eq!(stored.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_administrators_may() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[bob]).await;
        let (context, by) = (&scene.context, actor(alice));
        let refusals = [
            refused(admin::set_role(context, &by, bob, UserRole::Admin).await),
            refused(admin::ban(context, &by, bob, "x", None).await),
            refused(admin::unban(context, &by, bob).await),
            refused(admin::mute(context, &by, (bob, None), "x", None).await),
            refused(admin::delete_room(context, &by, room).await),
            refused(admin::delete_message(context, &by, unknown()).await),
        ];
        assert_eq!(refusals, [ErrorCode::Forbidden; 6]);
        let log = audit::list(&context.pg, Filter::default(), 10)
            .await
            .unwrap();
        assert!(log.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admins_acts_hold_and_are_in_the_audit_log() {
    on_scene(async |scene| {
        let alice = scene.user().await;
        let root = actor(scene.user_of_role(UserRole::Admin).await);
        let room = scene.group(&[alice]).await;
        let said = scene.say(room, alice, "rude").await.id;
        let context = &scene.context;
        let hour = std::time::Duration::from_secs(3600);
        let until = Some(Timestamp::now() + hour);
        admin::mute(context, &root, (alice, Some(room)), "rude", until)
            .await
            .unwrap();
        let muted = send_message::check(context, &actor(alice), message(room, "x")).await;
        assert_eq!(refused(muted), ErrorCode::Muted);
        admin::mute(context, &root, (alice, Some(room)), "", None)
            .await
            .unwrap();
        scene.say(room, alice, "sorry").await;
        admin::delete_message(context, &root, said).await.unwrap();
        admin::delete_room(context, &root, room).await.unwrap();
        let gone = send_message::check(context, &actor(alice), message(room, "x")).await;
        assert_eq!(refused(gone), ErrorCode::RoomNotFound);
        admin::ban(context, &root, alice, "rude", None)
            .await
            .unwrap();
        let log = audit::list(&context.pg, Filter::default(), 10)
            .await
            .unwrap();
        let actions: Vec<_> = log
            .iter()
            .rev()
            .map(|entry| entry.action.as_str())
            .collect();
        let expected = [
            "user.mute",
            "user.unmute",
            "message.delete",
            "room.delete",
            "user.ban",
        ];
        assert_eq!(actions, expected);
        let own = admin::ban(context, &root, root.user_id, "x", None).await;
        assert_eq!(refused(own), ErrorCode::ValidationFailed);
        let nobody = admin::ban(context, &root, unknown(), "x", None).await;
        assert_eq!(refused(nobody), ErrorCode::UserNotFound);
    })
    .await;
}
