//! Finding what was said.

use chat_core::error::ErrorCode;
use chat_processor::commands::search::{self, Query};

use crate::scene::{actor, on_scene, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_the_actors_rooms_only_page_by_page() {
    on_scene(async |scene| {
        let [alice, bob] = scene.users().await;
        let (ours, his) = (scene.group(&[alice, bob]).await, scene.group(&[bob]).await);
        for number in 0..3 {
            scene
                .say(ours, alice, &format!("apple number {number}"))
                .await;
        }
        scene.say(his, bob, "apple of mine").await;
        let context = &scene.context;
        let query = Query {
            text: "apple".to_owned(),
            limit: Some(2),
            ..Query::default()
        };
        let one = search::messages(context, &actor(alice), query.clone())
            .await
            .unwrap();
        assert_eq!(one.found.len(), 2);
        assert!(one.found[0].highlight.contains("**apple**"));
        let next = Query {
            cursor: one.next,
            ..query.clone()
        };
        let two = search::messages(context, &actor(alice), next)
            .await
            .unwrap();
        assert_eq!((two.found.len(), two.next), (1, None));
        let foreign = Query {
            room: Some(his),
            ..query
        };
        let foreign = search::messages(context, &actor(alice), foreign).await;
        assert_eq!(refused(foreign), ErrorCode::NotMember);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_the_beginning_of_a_name() {
    on_scene(async |scene| {
        let alice = scene.user().await;
        let name = format!("u{}", alice.uuid().simple());
        let found = search::people(&scene.context, &name, None).await.unwrap();
        assert_eq!(found[0].id, alice);
        let empty = search::people(&scene.context, " ", None).await;
        assert_eq!(refused(empty), ErrorCode::ValidationFailed);
    })
    .await;
}
