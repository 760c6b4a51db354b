//! A call whose gateway is killed while it rings: it is answered, signalled and closed through another one.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use chat_bench::client::{Connection, Packet};
use chat_bench::deployment::{Deployment, Options, SECRET};
use chat_bench::people;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// How long an answer or an event may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let mut chat = Deployment::start(&arguments.deployment, 2, 1, &[], false).await?;
    let pool = chat.backends.pool()?;
    let users = people::users(&pool, 2).await?;
    let room = people::rooms(&pool, std::slice::from_ref(&users)).await?[0];
    let (ada, bob) = (
        people::token(SECRET, users[0])?,
        people::token(SECRET, users[1])?,
    );
    let doomed = chat.gateways[0].address;
    let mut ada_socket = connected(doomed, &ada).await?;
    let mut bob_socket = connected(doomed, &bob).await?;
    let initiate = json!({"roomId": room, "media": "video", "sdp": "offer"});
    let ringing = ask(&mut ada_socket, "call.initiate", &initiate).await?;
    let call = &ringing["callId"];
    anyhow::ensure!(
        heard(&mut bob_socket, "call.ringing").await?["callId"] == *call,
        "the call does not ring: {ringing}"
    );

    chat.gateways[0].kill()?;
    let other = chat.gateways[1].address;
    let mut ada_socket = connected(other, &ada).await?;
    let mut bob_socket = connected(other, &bob).await?;
    let answer = json!({"callId": call, "sdp": "answer"});
    let answered = ask(&mut bob_socket, "call.answer", &answer).await?;
    let told = heard(&mut ada_socket, "call.answered").await?;
    let data = json!({"candidate": "one"});
    let signal = json!({"callId": call, "kind": "ice", "data": data, "toUserId": users[1]});
    ask(&mut ada_socket, "call.signal", &signal).await?;
    let signalled = heard(&mut bob_socket, "call.signal").await?;
    let closed = ask(&mut bob_socket, "call.close", &json!({"callId": call})).await?;
    let ended = heard(&mut ada_socket, "call.closed").await?;
    pool.close().await;
    chat.stop().await?;
    let passed = answered["call"]["state"] == "ongoing"
        && told["callId"] == *call
        && signalled["data"] == data
        && closed["status"] == "OK"
        && ended["callId"] == *call;
    Ok(
        json!({"passed": passed, "answered": answered["call"]["state"], "signalled": signalled["data"], "closed": closed["status"]}),
    )
}

/// Connects, if need be after some tries: the others learn of a dead gateway while this one comes.
async fn connected(gateway: SocketAddr, token: &str) -> anyhow::Result<Connection> {
    let tries = async {
        loop {
            if let Ok((connection, _)) = Connection::open(gateway, token).await {
                return connection;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, tries)
        .await
        .context("no connection to a living gateway")
}

async fn ask(socket: &mut Connection, event: &str, payload: &Value) -> anyhow::Result<Value> {
    socket.emit(1, event, &payload.to_string()).await;
    let answer = async {
        loop {
            match socket.next().await {
                Some(Packet::Ack { payload, .. }) => return Ok(serde_json::from_str(&payload)?),
                Some(Packet::Event { .. }) => {}
                None => anyhow::bail!("the gateway closed the socket"),
            }
        }
    };
    timeout(PATIENCE, answer)
        .await
        .with_context(|| format!("{event} is not answered"))?
}

async fn heard(socket: &mut Connection, event: &str) -> anyhow::Result<Value> {
    let event_of_name = async {
        loop {
            match socket.next().await {
                Some(Packet::Event { name, payload }) if name == event => {
                    return Ok(serde_json::from_str(&payload)?);
                }
                Some(_) => {}
                None => anyhow::bail!("the gateway closed the socket"),
            }
        }
    };
    timeout(PATIENCE, event_of_name)
        .await
        .with_context(|| format!("{event} is not heard"))?
}
