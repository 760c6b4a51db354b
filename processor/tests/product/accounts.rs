//! What users do about their own accounts.

use chat_backends::postgres::sessions::{self, NewSession};
use chat_backends::postgres::{members, users};
use chat_core::error::ErrorCode;
use chat_core::ids::{SessionId, UserId};
use chat_core::protocol::client;
use chat_core::protocol::objects::MemberRole;
use chat_core::time::Timestamp;
use chat_processor::commands::profile;

use crate::scene::{Scene, actor, on_scene, refused};

const fn nothing() -> client::ProfileUpdate {
    client::ProfileUpdate {
        name: None,
        first_name: None,
        last_name: None,
        username: None,
        avatar_url: None,
        bio: None,
        dm_policy: None,
    }
}

async fn log_in(scene: &Scene, user: UserId, seed: u8) -> SessionId {
    let id = SessionId::random();
    let now = Timestamp::now();
    let session = NewSession {
        id,
        user_id: user,
        user_agent: None,
        ip: None,
        refresh_hash: [seed; 32],
        refresh_expires_at: now + chat_core::limits::STORY_LASTS,
        created_at: now,
    };
    sessions::insert(&scene.context.pg, &session).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_sanitised_and_its_username_is_nobody_elses() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let context = &scene.context;
        let update = client::ProfileUpdate {
            name: Some("<b>Ada</b>".to_owned()),
            ..nothing()
        };
        let changed = profile::update(context, &actor(alice), update)
            .await
            .unwrap();
        assert_eq!(changed.name, "Ada");
        let named = |username: String| client::ProfileUpdate {
            username: Some(username),
            ..nothing()
        };
        let taken = named(format!("U{}", bob.uuid().simple()));
        let taken = profile::update(context, &actor(alice), taken).await;
        assert_eq!(refused(taken), ErrorCode::UsernameTaken);
        let spaced = profile::update(context, &actor(alice), named("a b".to_owned())).await;
        assert_eq!(refused(spaced), ErrorCode::ValidationFailed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions_only() {
    on_scene(async |scene| {
        let alice = scene.user().await;
        let (here, _) = (log_in(scene, alice, 1).await, log_in(scene, alice, 2).await);
        let mut at = actor(alice);
        at.session_id = Some(here);
        profile::set_password(&scene.context, &at, "$argon2id$new")
            .await
            .unwrap();
        let now = Timestamp::now();
        let left = sessions::list(&scene.context.pg, alice, now).await.unwrap();
        assert_eq!(left.iter().map(|it| it.id).collect::<Vec<_>>(), [here]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_leaves_its_groups_and_its_messages() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let said = scene.say(room, alice, "still here").await;
        let context = &scene.context;
        profile::delete(context, &actor(alice)).await.unwrap();
        assert!(users::by_id(&context.pg, alice).await.unwrap().is_none());
        let heir = members::role(&context.pg, room, bob).await.unwrap();
        assert_eq!(heir, Some(MemberRole::Owner));
        let mut connection = context.pg.acquire().await.unwrap();
        let kept = chat_backends::postgres::messages::by_id(&mut connection, None, said.id, true);
        assert_eq!(
            kept.await.unwrap().unwrap().content.as_deref(),
            Some("still here")
        );
    })
    .await;
}
