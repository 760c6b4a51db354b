//! Edits, deletions, pins, reactions, threads.

use std::sync::Arc;
use std::time::Duration;

use chat_core::error::ErrorCode;
use chat_core::ids::MessageId;
use chat_core::protocol::client::{self, DeleteScope, ResumeRoom};
use chat_core::protocol::objects::{MemberRole, UserRole};
use chat_core::protocol::server::ServerEvent;
use chat_processor::commands::history::{self, Query};
use chat_processor::commands::{
    block, delete_message, edit_message, pin_message, react, resume, send_message, thread,
};
use chat_processor::context::{Context, Policy};
use chat_processor::effects::Target;

use crate::scene::{actor, heard, message, on_scene, refused, unknown};

fn edit(message_id: MessageId, content: &str) -> client::MessageEdit {
    client::MessageEdit {
        message_id,
        content: content.to_owned(),
    }
}

const fn delete(message_id: MessageId, scope: DeleteScope) -> client::MessageDelete {
    client::MessageDelete { message_id, scope }
}

const fn pin(message_id: MessageId) -> client::MessagePin {
    client::MessagePin { message_id }
}

fn reaction(message_id: MessageId, emoji: &str, remove: bool) -> client::MessageReact {
    client::MessageReact {
        message_id,
        emoji: emoji.to_owned(),
        remove,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_heard_by_the_room_and_a_redelivery_edits_once() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let said = scene.say(room, alice, "helo").await;
        let job = edit_message::check(
            &scene.context,
            &actor(alice),
            edit(said.id, "hello<script>x</script>"),
        )
        .await
        .unwrap();
        for _ in 0..2 {
            let effects = scene.perform(&job).await;
            assert_eq!(heard(&effects), [("message.edited", Target::Room(room))]);
            let ServerEvent::MessageEdited {
                content,
                edit_version,
                seq,
                ..
            } = effects[0].fanout.typed().unwrap()
            else {
                panic!("not an edit");
            };
            assert_eq!(
                (content.as_str(), edit_version, seq),
                ("hello", 1, said.seq)
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_refused_in_the_order_of_the_contract() {
    on_scene(async |scene| {
        let [alice, bob, stranger] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let said = scene.say(room, alice, "mine").await;
        let context = &scene.context;
        let by = async |user, id, content: &str| {
            refused(edit_message::check(context, &actor(user), edit(id, content)).await)
        };
        assert_eq!(by(alice, unknown(), "x").await, ErrorCode::MessageNotFound);
        assert_eq!(by(stranger, said.id, "x").await, ErrorCode::NotMember);
        assert_eq!(by(bob, said.id, "x").await, ErrorCode::Forbidden);
        assert_eq!(by(alice, said.id, "<b></b>").await, ErrorCode::EmptyContent);
        let long = "x".repeat(100_001);
        assert_eq!(by(alice, said.id, &long).await, ErrorCode::ContentTooLarge);
        let strict = Context {
            policy: Arc::new(Policy {
                edit_window: Some(Duration::ZERO),
                ..Policy::default()
            }),
            ..context.clone()
        };
        let late = edit_message::check(&strict, &actor(alice), edit(said.id, "x")).await;
        assert_eq!(refused(late), ErrorCode::EditWindowClosed);
        delete_message::run(context, &actor(alice), delete(said.id, DeleteScope::All))
            .await
            .unwrap();
        assert_eq!(by(alice, said.id, "x").await, ErrorCode::MessageNotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_for_all_leaves_a_tombstone_and_one_for_me_hides_from_me() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let (one, two) = (
            scene.say(room, alice, "one").await,
            scene.say(room, alice, "two").await,
        );
        let context = &scene.context;
        let job = delete_message::check(context, &actor(bob), delete(one.id, DeleteScope::Me))
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(heard(&effects), [("message.deleted", Target::User(bob))]);
        let job = delete_message::check(context, &actor(alice), delete(two.id, DeleteScope::All))
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(heard(&effects), [("message.deleted", Target::Room(room))]);
        let full = Query {
            full: true,
            ..Query::default()
        };
        let seen = async |user| {
            let page = history::run(context, user, room, &full).await.unwrap().page;
            let texts = page.messages.into_iter().map(|it| it.content.unwrap());
            texts.collect::<Vec<_>>()
        };
        assert_eq!(seen(alice).await, ["one", ""]);
        assert_eq!(seen(bob).await, ["", ""]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_does_not_bring_back_what_its_user_deleted_for_themselves() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let said = scene.say(room, alice, "regretted").await;
        let context = &scene.context;
        let at_start = [ResumeRoom {
            room_id: room,
            last_seq: 0,
        }];
        let resumed = async |user| {
            let rooms = resume::run(context, user, &at_start, |_| None)
                .await
                .unwrap();
            rooms[0].messages.as_ref().unwrap()[0].content.clone()
        };
        assert_eq!(resumed(bob).await.as_deref(), Some("regretted"));
        let job = delete_message::check(context, &actor(bob), delete(said.id, DeleteScope::Me))
            .await
            .unwrap();
        scene.perform(&job).await;
        assert_eq!(resumed(bob).await.as_deref(), Some(""));
        assert_eq!(resumed(alice).await.as_deref(), Some("regretted"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mentioned_members_hear_of_it_apart_and_nobody_else_does() {
    on_scene(async |scene| {
        let [alice, bob, carol, stranger] = scene.users().await;
        let room = scene.group(&[alice, bob, carol]).await;
        let mut send = message(room, "hello @bob");
        send.mentions = vec![bob, stranger, alice, bob];
        let checked = send_message::check(&scene.context, &actor(alice), send).await;
        let effects = scene.perform(&checked.unwrap().job).await;
        assert_eq!(
            heard(&effects),
            [
                ("message.delivered", Target::Room(room)),
                ("message.mention", Target::User(bob))
            ]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_sender_moderators_and_admins_delete_for_all() {
    on_scene(async |scene| {
        let [owner, alice, bob, stranger] = scene.users().await;
        let admin = scene.user_of_role(UserRole::Admin).await;
        let room = scene.group(&[owner, alice, bob]).await;
        let context = &scene.context;
        let by = async |user, id| {
            delete_message::check(context, &actor(user), delete(id, DeleteScope::All)).await
        };
        let said = scene.say(room, alice, "one").await.id;
        assert_eq!(refused(by(bob, said).await), ErrorCode::Forbidden);
        assert_eq!(refused(by(stranger, said).await), ErrorCode::NotMember);
        assert_eq!(
            refused(by(alice, unknown()).await),
            ErrorCode::MessageNotFound
        );
        for user in [alice, owner, admin] {
            assert!(by(user, said).await.is_ok());
        }
        chat_backends::postgres::members::set_role(&context.pg, room, bob, MemberRole::Admin)
            .await
            .unwrap();
        assert!(by(bob, said).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_is_heard_once_set_and_once_taken_away() {
    on_scene(async |scene| {
        let [alice, bob, stranger] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let said = scene.say(room, alice, "keep").await.id;
        let context = &scene.context;
        let unpin = pin_message::check_unpin(context, &actor(bob), pin(said)).await;
        assert_eq!(refused(unpin), ErrorCode::NotPinned);
        let foreign = pin_message::check(context, &actor(stranger), pin(said)).await;
        assert_eq!(refused(foreign), ErrorCode::NotMember);
        let job = pin_message::check(context, &actor(bob), pin(said))
            .await
            .unwrap();
        let effects = scene.perform(&job).await;
        assert_eq!(heard(&effects), [("message.pinned", Target::Room(room))]);
        let again = pin_message::check(context, &actor(alice), pin(said)).await;
        assert_eq!(refused(again), ErrorCode::AlreadyPinned);
        let pinned = pin_message::list(context, alice, room).await.unwrap();
        assert_eq!(pinned[0].pinned_by, Some(bob));
        let job = pin_message::check_unpin(context, &actor(alice), pin(said)).await;
        let effects = scene.perform(&job.unwrap()).await;
        assert_eq!(heard(&effects), [("message.unpinned", Target::Room(room))]);
        assert!(
            pin_message::list(context, alice, room)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fifty_first_pin_is_refused() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let context = &scene.context;
        for number in 0..50 {
            let said = scene
                .say(room, alice, &format!("message {number}"))
                .await
                .id;
            pin_message::run(context, &actor(alice), pin(said))
                .await
                .unwrap();
        }
        let said = scene.say(room, alice, "one more").await.id;
        let full = pin_message::run(context, &actor(alice), pin(said)).await;
        assert_eq!(refused(full), ErrorCode::PinLimit);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_counts_once_however_often_it_is_given() {
    on_scene(async |scene| {
        let [alice, bob, stranger] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let said = scene.say(room, alice, "nice").await.id;
        let context = &scene.context;
        let foreign = react::check(context, &actor(stranger), reaction(said, "👍", false)).await;
        assert_eq!(refused(foreign), ErrorCode::NotMember);
        let empty = react::check(context, &actor(bob), reaction(said, "", false)).await;
        assert_eq!(refused(empty), ErrorCode::ValidationFailed);
        for _ in 0..2 {
            let job = react::check(context, &actor(bob), reaction(said, "👍", false)).await;
            let effects = scene.perform(&job.unwrap()).await;
            assert_eq!(heard(&effects), [("message.reaction", Target::Room(room))]);
            let ServerEvent::MessageReaction { reactions, .. } = effects[0].fanout.typed().unwrap()
            else {
                panic!("not a reaction");
            };
            assert_eq!((reactions.len(), reactions[0].count), (1, 1));
        }
        let removed = react::run(context, &actor(bob), reaction(said, "👍", true)).await;
        assert!(removed.unwrap().reactions.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_silences_a_dm() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.dm(alice, bob).await;
        let said = scene.say(room, alice, "hi").await.id;
        let context = &scene.context;
        // By the act itself: it also takes back that alice was remembered as one who may send.
        let blocking = client::BlockUser { user_id: alice };
        block::run(context, &actor(bob), blocking, true)
            .await
            .unwrap();
        for user in [alice, bob] {
            let send = send_message::check(context, &actor(user), message(room, "x")).await;
            assert_eq!(refused(send), ErrorCode::Blocked);
            let react = react::check(context, &actor(user), reaction(said, "👍", false)).await;
            assert_eq!(refused(react), ErrorCode::Blocked);
        }
        let edited = edit_message::check(context, &actor(alice), edit(said, "x")).await;
        assert_eq!(refused(edited), ErrorCode::Blocked);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_read_page_by_page() {
    on_scene(async |scene| {
        let [alice, stranger] = scene.users().await;
        let room = scene.group(&[alice]).await;
        let first = scene.say(room, alice, "first").await;
        let context = &scene.context;
        for number in 0..3 {
            let mut answer = message(room, &format!("answer {number}"));
            answer.thread_id = Some(first.id);
            let checked = send_message::check(context, &actor(alice), answer).await;
            scene.perform(&checked.unwrap().job).await;
        }
        let page = async |user, after_seq| {
            let asked = client::Thread {
                message_id: first.id,
                after_seq,
                limit: Some(2),
            };
            thread::run(context, &actor(user), asked).await
        };
        let one = page(alice, None).await.unwrap();
        assert_eq!(one.messages.len(), 2);
        let two = page(alice, one.next_after_seq).await.unwrap();
        assert_eq!((two.messages.len(), two.next_after_seq), (1, None));
        assert_eq!(refused(page(stranger, None).await), ErrorCode::NotMember);
    })
    .await;
}
