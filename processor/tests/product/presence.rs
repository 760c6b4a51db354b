//! What a crowd that connects costs.

use chat_backends::redis::presence;
use chat_core::ids::UserId;
use chat_core::job::Act;
use chat_core::protocol::objects::PresenceStatus;
use chat_processor::execute::execute_transient;
use futures::stream::{self, StreamExt};

use crate::scene::{Scene, actor, on_scene};

/// Connects a user as a gateway does, and counts the events that it makes.
async fn connect(scene: &Scene, user: UserId) -> usize {
    let connected = presence::connect(&scene.context.redis, user, "gateway-crowd", "socket")
        .await
        .unwrap();
    assert!(connected.came_online);
    let act = Act::SetPresence {
        status: PresenceStatus::Online,
        activity: None,
        chosen: false,
    };
    let job = actor(user).job(None, act);
    execute_transient(&scene.context, &job).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_connects_tell_those_concerned_and_not_everybody() {
    on_scene(async |scene| {
        let members: [UserId; 40] = scene.users().await;
        scene.group(&members).await;
        let mut of_members = 0;
        for member in members {
            of_members += connect(scene, member).await;
        }
        // Each hears of itself, and of those who came after it.
        assert_eq!(of_members, 40 + 40 * 39 / 2);
        let strangers = std::iter::repeat_with(UserId::now_v7).take(5000 - 40);
        let of_strangers: usize = stream::iter(strangers)
            .map(|user| connect(scene, user))
            .buffer_unordered(32)
            .fold(0, async |sum, events| sum + events)
            .await;
        assert_eq!(of_strangers, 5000 - 40, "a stranger's coming is no news");
    })
    .await;
}
