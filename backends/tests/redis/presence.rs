use chat_test_support::eventually;
use std::time::Duration;

use chat_backends::config::RedisConfig;
use chat_backends::redis::Redis;
use chat_backends::redis::heartbeat::Heartbeats;
use chat_backends::redis::presence::{self, GATEWAY_TIMEOUT};
use chat_core::ids::{JobId, UserId};
use chat_core::protocol::objects::PresenceStatus;
use chat_core::{limits, names};
use redis::AsyncCommands;

use crate::fixture::{raw, redis};

/// Sweeps go over everybody: held for writing by tests that sweep, for reading by those that a sweep would disturb.
static SWEEPS: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

/// A gateway that no other test's sweep takes for dead.
async fn live_gateway() -> String {
    let id = format!("live-{}", JobId::random());
    let in_ten_minutes = chat_core::time::Timestamp::now().unix_millis() + 600_000;
    let _: () = raw()
        .await
        .zadd(presence::GATEWAYS, &id, in_ten_minutes)
        .await
        .unwrap();
    id
}

async fn status(redis: &Redis, user: UserId) -> PresenceStatus {
    presence::get(redis, &[user]).await.unwrap()[0].status
}

#[tokio::test]
async fn a_user_is_online_from_the_first_device_to_the_last_and_a_while_longer() {
    let _turn = SWEEPS.read().await;
    let (g1, g2) = (live_gateway().await, live_gateway().await);
    let redis = redis().await;
    let user = UserId::random();
    assert_eq!(status(&redis, user).await, PresenceStatus::Offline);
    let first = presence::connect(&redis, user, &g1, "a").await.unwrap();
    assert!(first.came_online);
    let second = presence::connect(&redis, user, &g2, "b").await.unwrap();
    assert!(!second.came_online, "a second device is no news");

    assert!(!presence::disconnect(&redis, user, &g1, "a").await.unwrap());
    assert_eq!(status(&redis, user).await, PresenceStatus::Online);
    assert!(!presence::expire(&redis, user).await.unwrap());

    assert!(presence::disconnect(&redis, user, &g2, "b").await.unwrap());
    assert!(
        !presence::disconnect(&redis, user, &g2, "b").await.unwrap(),
        "said twice"
    );
    assert_eq!(
        status(&redis, user).await,
        PresenceStatus::Online,
        "within the grace"
    );
    assert!(
        !presence::expire(&redis, user).await.unwrap(),
        "before the grace is over"
    );

    tokio::time::sleep(limits::OFFLINE_GRACE + Duration::from_millis(100)).await;
    assert_eq!(status(&redis, user).await, PresenceStatus::Offline);
    let expirations =
        futures::future::join_all((0..4).map(|_| presence::expire(&redis, user))).await;
    let told = expirations
        .into_iter()
        .filter(|e| *e.as_ref().unwrap())
        .count();
    assert_eq!(told, 1, "exactly one gateway tells the contacts");
    let last_seen = presence::get(&redis, &[user]).await.unwrap()[0].last_seen;
    assert!(last_seen.is_some());
}

#[tokio::test]
async fn a_reload_within_the_grace_is_no_news() {
    let _turn = SWEEPS.read().await;
    let g = live_gateway().await;
    let redis = redis().await;
    let user = UserId::random();
    presence::connect(&redis, user, &g, "a").await.unwrap();
    assert!(presence::disconnect(&redis, user, &g, "a").await.unwrap());
    let again = presence::connect(&redis, user, &g, "b").await.unwrap();
    assert!(!again.came_online);
    tokio::time::sleep(limits::OFFLINE_GRACE + Duration::from_millis(100)).await;
    assert!(
        !presence::expire(&redis, user).await.unwrap(),
        "the user is back"
    );
    assert_eq!(status(&redis, user).await, PresenceStatus::Online);
}

#[tokio::test]
async fn the_oldest_socket_beyond_the_limit_is_dropped() {
    let g = live_gateway().await;
    let redis = redis().await;
    let user = UserId::random();
    for n in 0..limits::SOCKETS_PER_USER {
        let connected = presence::connect(&redis, user, &g, &n.to_string())
            .await
            .unwrap();
        assert!(connected.evicted.is_empty());
        // The order is by milliseconds.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let connected = presence::connect(&redis, user, &g, "last").await.unwrap();
    assert_eq!(connected.evicted, [format!("{g}:0")]);
    let sockets = presence::sockets(&redis, user).await.unwrap();
    assert_eq!(sockets.len(), limits::SOCKETS_PER_USER);
    assert!(sockets.contains(&format!("{g}:last")) && !sockets.contains(&format!("{g}:0")));
}

#[tokio::test]
async fn the_chosen_status_is_what_others_see_until_the_user_leaves() {
    let g = live_gateway().await;
    let redis = redis().await;
    let user = UserId::random();
    let set = async |status, activity| presence::set(&redis, user, status, activity).await.unwrap();
    assert!(
        !set(PresenceStatus::Away, None).await,
        "nobody there to be away"
    );
    presence::connect(&redis, user, &g, "a").await.unwrap();
    assert!(set(PresenceStatus::Busy, Some("in a meeting")).await);
    assert!(
        !set(PresenceStatus::Busy, Some("in a meeting")).await,
        "nothing new"
    );
    let seen = presence::get(&redis, &[user]).await.unwrap().remove(0);
    assert_eq!(seen.status, PresenceStatus::Busy);
    assert_eq!(seen.activity.as_deref(), Some("in a meeting"));

    assert!(set(PresenceStatus::Offline, Some("hidden")).await);
    let seen = presence::get(&redis, &[user]).await.unwrap().remove(0);
    assert_eq!(
        (seen.status, seen.activity),
        (PresenceStatus::Offline, None)
    );
    assert!(seen.last_seen.is_some());
}

#[tokio::test]
async fn many_are_asked_for_at_once_in_their_order_and_too_many_are_cut() {
    let g = live_gateway().await;
    let redis = redis().await;
    let users: Vec<UserId> = (0..250).map(|_| UserId::random()).collect();
    for user in users.iter().step_by(2) {
        presence::connect(&redis, *user, &g, "a").await.unwrap();
    }
    let seen = presence::get(&redis, &users).await.unwrap();
    assert_eq!(seen.len(), limits::PRESENCE_IDS);
    for (n, presence) in seen.iter().enumerate() {
        assert_eq!(presence.user_id, users[n]);
        let online = presence.status == PresenceStatus::Online;
        assert_eq!(online, n % 2 == 0, "user {n}");
    }
    assert!(presence::get(&redis, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_sweep_extends_the_present_and_takes_off_a_dead_gateways_users() {
    let _turn = SWEEPS.write().await;
    let redis = redis().await;
    let id = JobId::random();
    let (live, dead) = (format!("live-{id}"), format!("dead-{id}"));
    let gateways = Heartbeats::gateways(GATEWAY_TIMEOUT);
    gateways.beat(&redis, &live).await.unwrap();
    let (stays, gone, both) = (UserId::random(), UserId::random(), UserId::random());
    presence::connect(&redis, stays, &live, "a").await.unwrap();
    presence::connect(&redis, gone, &dead, "a").await.unwrap();
    presence::connect(&redis, both, &dead, "a").await.unwrap();
    presence::connect(&redis, both, &live, "b").await.unwrap();
    let mut raw = raw().await;
    // As if the lease were about to end.
    let soon = raw
        .zscore::<_, _, f64>(names::ONLINE_USERS, stays.to_string())
        .await
        .unwrap()
        - 290_000.0;
    let _: () = raw
        .zadd(names::ONLINE_USERS, stays.to_string(), soon)
        .await
        .unwrap();

    // Other tests sweep the same list: whoever does it, the outcome is the same.
    eventually("a sweep has come by", async || {
        let _: () = raw.del("chat:presence:trim").await.unwrap();
        gateways.beat(&redis, &live).await.unwrap();
        presence::trim(&redis).await.unwrap();
        status(&redis, gone).await == PresenceStatus::Offline
    })
    .await;
    assert_eq!(status(&redis, stays).await, PresenceStatus::Online);
    assert_eq!(status(&redis, both).await, PresenceStatus::Online);
    assert_eq!(
        presence::sockets(&redis, both).await.unwrap(),
        [presence::socket_entry(&live, "b")]
    );
    let lease: f64 = raw
        .zscore(names::ONLINE_USERS, stays.to_string())
        .await
        .unwrap();
    assert!(lease > soon + 200_000.0, "the lease was not extended");
    assert!(
        !presence::expire(&redis, gone).await.unwrap(),
        "it was told already"
    );
}

#[tokio::test]
async fn a_sweep_is_due_again_only_after_its_period() {
    let _turn = SWEEPS.write().await;
    let redis = redis().await;
    let mut raw = raw().await;
    let _: () = raw.del("chat:presence:trim").await.unwrap();
    presence::trim(&redis).await.unwrap();
    let user = UserId::random();
    presence::connect(&redis, user, "dead", "a").await.unwrap();
    futures::future::try_join_all((0..5).map(|_| presence::trim(&redis)))
        .await
        .unwrap();
    assert_eq!(
        status(&redis, user).await,
        PresenceStatus::Online,
        "swept again at once"
    );
    let left: i64 = raw.pttl("chat:presence:trim").await.unwrap();
    assert!((20_000..=30_000).contains(&left), "{left}");
}

#[tokio::test]
async fn an_older_deployments_keys_are_written_only_when_wanted() {
    let g = live_gateway().await;
    let user = UserId::random();
    let mut raw = raw().await;
    let key = format!("webchat:user:presence:{user}");
    presence::connect(&redis().await, user, &g, "a")
        .await
        .unwrap();
    let absent: bool = raw.exists(&key).await.unwrap();
    assert!(!absent);

    let mut config = RedisConfig::from_url(chat_test_support::variable("TEST_REDIS_URL")).unwrap();
    config.webchat_aliases = true;
    let redis = Redis::connect(&config).await.unwrap();
    presence::connect(&redis, user, &g, "b").await.unwrap();
    let text: String = raw.get(&key).await.unwrap();
    assert!(text.contains("\"online\""), "{text}");
    let sockets: usize = raw
        .scard(format!("webchat:user:sockets:{user}"))
        .await
        .unwrap();
    assert_eq!(sockets, 2);
    let online: bool = raw
        .sismember("webchat:users:online", user.to_string())
        .await
        .unwrap();
    assert!(online);
    presence::set(&redis, user, PresenceStatus::Offline, None)
        .await
        .unwrap();
    let online: bool = raw
        .sismember("webchat:users:online", user.to_string())
        .await
        .unwrap();
    assert!(!online);
}

#[tokio::test]
async fn a_gateway_that_was_cut_off_lists_its_sockets_again() {
    let _turn = SWEEPS.write().await;
    let redis = redis().await;
    let gateway = format!("cut-{}", JobId::random());
    let gateways = Heartbeats::gateways(GATEWAY_TIMEOUT);
    let users: Vec<UserId> = (0..200).map(|_| UserId::random()).collect();
    let sockets: Vec<(UserId, String)> = users.iter().map(|u| (*u, u.to_string())).collect();
    // It never beat: the sweep takes it for dead.
    for (user, socket) in &sockets {
        presence::connect(&redis, *user, &gateway, socket)
            .await
            .unwrap();
    }
    let mut raw = raw().await;
    eventually("a sweep has come by", async || {
        let _: () = raw.del("chat:presence:trim").await.unwrap();
        presence::trim(&redis).await.unwrap();
        status(&redis, users[199]).await == PresenceStatus::Offline
    })
    .await;
    assert!(gateways.beat_or_rejoin(&redis, &gateway).await.unwrap());
    let mut back = presence::restore(&redis, &gateway, &sockets).await.unwrap();
    back.sort_unstable();
    let mut expected = users.clone();
    expected.sort_unstable();
    assert_eq!(back, expected);
    assert_eq!(status(&redis, users[0]).await, PresenceStatus::Online);
    assert!(
        presence::restore(&redis, &gateway, &sockets)
            .await
            .unwrap()
            .is_empty()
    );
    gateways.leave(&redis, &gateway).await.unwrap();
}
