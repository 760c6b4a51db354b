//! Messages that are sent on.

use chat_core::error::ErrorCode;
use chat_core::ids::{MessageId, RoomId};
use chat_core::protocol::client;
use chat_core::protocol::server::ServerEvent;
use chat_processor::commands::forward;

use crate::scene::{actor, on_scene, refused, unknown};

fn to(messages: &[MessageId], rooms: &[RoomId], comment: Option<&str>) -> client::MessageForward {
    client::MessageForward {
        message_ids: messages.to_vec(),
        room_ids: rooms.to_vec(),
        comment: comment.map(ToOwned::to_owned),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_sends_its_comment_first_and_names_the_origin() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let (from, target) = (
            scene.group(&[bob, alice]).await,
            scene.group(&[alice]).await,
        );
        let said = scene.say(from, bob, "look").await;
        let asked = to(&[said.id], &[target], Some("from bob"));
        let sends = forward::check(&scene.context, &actor(alice), asked)
            .await
            .unwrap();
        let sources: Vec<_> = sends.iter().map(|send| send.source_message_id).collect();
        assert_eq!(sources, [None, Some(said.id)]);
        let mut delivered = Vec::new();
        for send in &sends {
            for effect in scene.perform(&send.job).await {
                match effect.fanout.typed().unwrap() {
                    ServerEvent::MessageDelivered(message) => delivered.push(message),
                    other => panic!("not delivered: {other:?}"),
                }
            }
        }
        let texts: Vec<_> = delivered
            .iter()
            .map(|it| it.content.as_deref().unwrap())
            .collect();
        assert_eq!(texts, ["from bob", "look"]);
        let origin = delivered[1].forwarded_from.as_ref().unwrap();
        assert_eq!((origin.message_id, origin.sender_id), (said.id, bob));
        assert!(delivered[0].forwarded_from.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_needs_membership_on_both_sides() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let (hers, his) = (scene.group(&[alice]).await, scene.group(&[bob]).await);
        let said = scene.say(hers, alice, "secret").await.id;
        let by = async |user, messages: &[MessageId], rooms: &[RoomId]| {
            let asked = to(messages, rooms, None);
            refused(forward::check(&scene.context, &actor(user), asked).await)
        };
        assert_eq!(by(bob, &[said], &[his]).await, ErrorCode::NotMember);
        assert_eq!(by(alice, &[said], &[his]).await, ErrorCode::NotMember);
        assert_eq!(
            by(alice, &[said], &[unknown()]).await,
            ErrorCode::RoomNotFound
        );
        assert_eq!(
            by(alice, &[unknown()], &[hers]).await,
            ErrorCode::MessageNotFound
        );
        assert_eq!(by(alice, &[], &[hers]).await, ErrorCode::ValidationFailed);
        assert_eq!(by(alice, &[said], &[]).await, ErrorCode::ValidationFailed);
        let many = [said; 51];
        assert_eq!(by(alice, &many, &[hers]).await, ErrorCode::ValidationFailed);
    })
    .await;
}
