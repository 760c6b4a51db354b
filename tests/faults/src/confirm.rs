//! `QUEUED` comes after the broker's confirm: while confirms are held back on their way, nobody is told that a message is
//! safe.

use std::time::Duration;

use chat_bench::backends::Kind;
use chat_bench::client::{Connection, Packet};
use chat_bench::deployment::{Deployment, Options, SECRET};
use chat_bench::link::State;
use chat_bench::people;
use chat_core::env;
use chat_core::ids::RoomId;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Sends while no confirm comes through
    #[arg(long, default_value_t = 50)]
    sends: u64,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let settings = [(env::CHAT_ON_BROKER_OUTAGE, "Reject")];
    let chat = Deployment::start(&arguments.deployment, 1, 1, &settings, true).await?;
    let pool = chat.backends.pool()?;
    let users = people::users(&pool, 1).await?;
    let room = people::rooms(&pool, std::slice::from_ref(&users)).await?[0];
    let gateway = &chat.gateways[0];
    let mut socket = Connection::open(gateway.address, &people::token(SECRET, users[0])?)
        .await?
        .0;
    let link = gateway
        .link(Kind::RabbitMq)
        .ok_or_else(|| anyhow::anyhow!("no link"))?;

    let whole = send(&mut socket, room, arguments.sends).await?;
    link.set(State::Mute);
    let cut = send(&mut socket, room, arguments.sends).await?;
    link.set(State::Open);
    gateway.answers("/health").await?;
    let healed = send(&mut socket, room, arguments.sends).await?;

    pool.close().await;
    chat.stop().await?;
    let sends = usize::try_from(arguments.sends)?;
    let passed = whole == (sends, 0) && cut == (0, sends) && healed == (sends, 0);
    let shown =
        |(queued, refused): (usize, usize)| json!({"queued": queued, "refusedRetryably": refused});
    Ok(
        json!({"passed": passed, "before": shown(whole), "whileConfirmsAreHeld": shown(cut), "after": shown(healed)}),
    )
}

/// Sends so many at once; how many were answered with `QUEUED`, and how many with a retryable error.
async fn send(socket: &mut Connection, room: RoomId, count: u64) -> anyhow::Result<(usize, usize)> {
    for number in 0..count {
        let payload =
            json!({"roomId": room, "content": Uuid::new_v4(), "clientMsgId": Uuid::new_v4()});
        socket
            .emit(number, "message.send", &payload.to_string())
            .await;
    }
    let (mut queued, mut refused) = (0, 0);
    let began = Instant::now();
    while queued + refused < usize::try_from(count)? {
        anyhow::ensure!(
            began.elapsed() < Duration::from_secs(60),
            "answers are missing"
        );
        match timeout(Duration::from_secs(20), socket.next()).await? {
            Some(Packet::Ack { payload, .. }) => {
                let answer: Value = serde_json::from_str(&payload)?;
                if answer["status"] == "QUEUED" {
                    queued += 1;
                } else if answer["retryAfterMs"].as_u64().is_some() {
                    refused += 1;
                } else {
                    anyhow::bail!("a strange answer: {answer}");
                }
            }
            Some(Packet::Event { .. }) => {}
            None => anyhow::bail!("the gateway closed the socket"),
        }
    }
    Ok((queued, refused))
}
