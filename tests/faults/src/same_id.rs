//! One message, sent many times at once under one id, through several gateways.

use chat_bench::client::{Connection, Packet};
use chat_bench::deployment::{Deployment, Options, SECRET};
use chat_bench::people;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// How often it is sent
    #[arg(long, default_value_t = 50)]
    times: usize,
    /// Gateways
    #[arg(long, default_value_t = 3)]
    gateways: usize,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let chat = Deployment::start(&arguments.deployment, arguments.gateways, 2, &[], false).await?;
    let pool = chat.backends.pool()?;
    let users = people::users(&pool, 2).await?;
    let room = people::rooms(&pool, std::slice::from_ref(&users)).await?[0];
    let token = people::token(SECRET, users[0])?;
    let mut sockets = Vec::new();
    for gateway in &chat.gateways {
        sockets.push(Connection::open(gateway.address, &token).await?.0);
    }
    let id = Uuid::new_v4();
    let mut answers = Vec::new();
    for body in ["the first", "another body"] {
        let payload = json!({"roomId": room, "content": body, "clientMsgId": id}).to_string();
        let each = sockets.iter_mut().enumerate().map(|(number, socket)| {
            let times = (number..arguments.times)
                .step_by(arguments.gateways)
                .count();
            send(socket, times, &payload)
        });
        for got in futures::future::join_all(each).await {
            answers.extend(got?);
        }
    }
    let expected = json!({"status": "QUEUED", "clientMsgId": id});
    let same = answers.iter().filter(|answer| **answer == expected).count();
    // The last of the queued ones may still be on its way: what is stored must stay as it is.
    let mut rows = Vec::new();
    for _ in 0..20 {
        rows = sqlx::query_as::<_, (i64, String)>("SELECT seq, content FROM messages")
            .fetch_all(&pool)
            .await?;
        if rows.len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let heads: Vec<i64> = sqlx::query_scalar("SELECT last_seq FROM rooms")
        .fetch_all(&pool)
        .await?;
    let letters = crate::dead_letters(&chat).await?.len();
    pool.close().await;
    chat.stop().await?;
    let passed = rows == [(1, "the first".to_owned())]
        && heads == [1]
        && same == answers.len()
        && letters == 0;
    Ok(
        json!({"passed": passed, "sent": answers.len(), "sameAnswers": same, "rows": rows, "heads": heads, "deadLetters": letters}),
    )
}

/// Sends it so often without waiting, then collects the answers.
async fn send(socket: &mut Connection, times: usize, payload: &str) -> anyhow::Result<Vec<Value>> {
    for number in 0..times {
        socket
            .emit(u64::try_from(number)?, "message.send", payload)
            .await;
    }
    let mut answers = Vec::new();
    while answers.len() < times {
        match timeout(Duration::from_secs(20), socket.next()).await? {
            Some(Packet::Ack { payload, .. }) => answers.push(serde_json::from_str(&payload)?),
            Some(Packet::Event { .. }) => {}
            None => anyhow::bail!("the gateway closed the socket"),
        }
    }
    Ok(answers)
}
