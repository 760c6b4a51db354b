//! Who is there, when gateways and Redis lose sight of each other.

use chat_backends::config::RedisConfig;
use chat_backends::redis::heartbeat::Heartbeats;
use chat_backends::redis::{Redis, presence};
use chat_core::ids::UserId;

use chat_test_support::until;

use crate::harness::Chat;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_fell_off_the_list_lists_its_sockets_again() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let _socket = chat.connect(&ada).await;
    let url = std::env::var("TEST_REDIS_URL").unwrap();
    let redis = Redis::connect(&RedisConfig::from_url(url).unwrap())
        .await
        .unwrap();
    let user: UserId = ada.id.parse().unwrap();
    let listed = async || presence::sockets(&redis, user).await.unwrap().pop();
    let entry = until("the socket is listed", listed).await;
    let (gateway, socket) = entry.rsplit_once(':').unwrap();

    // As after a silence: others took the gateway off the list and swept its sockets away.
    presence::disconnect(&redis, user, gateway, socket)
        .await
        .unwrap();
    assert_eq!(listed().await, None);
    let gateways = Heartbeats::gateways(presence::GATEWAY_TIMEOUT);
    gateways.leave(&redis, gateway).await.unwrap();

    let again = until("the socket is listed again", listed).await;
    assert_eq!(again, entry);
    chat.stop().await;
}
