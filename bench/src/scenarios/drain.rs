//! How fast processors work a backlog off that is there before them.

use std::time::{Duration, Instant};

use chat_backends::config::RabbitConfig;
use chat_backends::rabbitmq::publisher::Publisher;
use chat_bench::backends::{Kind, rabbitmq_url};
use chat_bench::deployment::{Deployment, Options, SECRET};
use chat_bench::people;
use chat_core::ids::{JobId, MessageId, RoomId, UserId};
use chat_core::job::{Act, Job, SendMessage, VERSION};
use chat_core::protocol::objects::MessageType;
use chat_core::signing::KeyRing;
use chat_core::time::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Jobs that are published at a time.
const AT_ONCE: usize = 1000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Jobs of the backlog
    #[arg(long, default_value_t = 100_000)]
    jobs: usize,
    /// Rooms that they are for
    #[arg(long, default_value_t = 200)]
    rooms: usize,
    /// Processors
    #[arg(long, default_value_t = 1)]
    processors: usize,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let mut chat = Deployment::prepare(&arguments.deployment, false).await?;
    let pool = chat.backends.pool()?;
    let users = people::users(&pool, 5).await?;
    let rooms = people::rooms(&pool, &vec![users.clone(); arguments.rooms]).await?;
    let published = publish(arguments, &chat, &rooms, &users).await?;
    let began = Instant::now();
    for _ in 0..arguments.processors {
        chat.add_processor(&[]).await?;
    }
    let mut first = None;
    loop {
        // The rooms' heads, not a count of the messages: asking must not cost what is measured.
        let done: i64 = sqlx::query_scalar("SELECT sum(last_seq)::bigint FROM rooms")
            .fetch_one(&pool)
            .await?;
        if done > 0 {
            first.get_or_insert_with(Instant::now);
        }
        if usize::try_from(done)? >= arguments.jobs {
            break;
        }
        anyhow::ensure!(
            began.elapsed() < Duration::from_secs(600),
            "{done} jobs after ten minutes"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (whole, working) = (
        began.elapsed().as_secs_f64(),
        first.map_or(0.0, |first| first.elapsed().as_secs_f64()),
    );
    let gaps: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM rooms r WHERE last_seq <> (SELECT count(*) FROM messages m WHERE m.room_id = r.room_id)",
    )
    .fetch_one(&pool)
    .await?;
    pool.close().await;
    drop(chat.stop().await);
    Ok(json!({
        "jobs": arguments.jobs,
        "publishedPerSecond": super::rate(arguments.jobs, published),
        "drainedPerSecond": super::rate(arguments.jobs, working),
        "secondsFromStartOfProgram": whole,
        "roomsWithGaps": gaps,
    }))
}

/// Publishes the backlog; how many seconds that took.
async fn publish(
    arguments: &Arguments,
    chat: &Deployment,
    rooms: &[RoomId],
    users: &[UserId],
) -> anyhow::Result<f64> {
    let mut config =
        RabbitConfig::from_url(rabbitmq_url(chat.backends.get(Kind::RabbitMq).address))?;
    config.partitions = arguments.deployment.partitions;
    config.confirm_timeout = Duration::from_secs(60);
    let keys = KeyRing::parse(&format!("k1:{SECRET}"))?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let publisher = Publisher::start(config, keys, "chat-bench", &tasks, stop.clone());
    publisher.connected().await;
    let began = Instant::now();
    for start in (0..arguments.jobs).step_by(AT_ONCE) {
        let jobs: Vec<Job> = (start..(start + AT_ONCE).min(arguments.jobs))
            .map(|number| {
                send(
                    rooms[number % rooms.len()],
                    users[number % users.len()],
                    number,
                )
            })
            .collect();
        for confirmed in
            futures::future::join_all(jobs.iter().map(|job| publisher.publish(job, None))).await
        {
            confirmed?;
        }
    }
    let took = began.elapsed().as_secs_f64();
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(took)
}

fn send(room: RoomId, sender: UserId, number: usize) -> Job {
    let act = Act::SendMessage(SendMessage {
        message_id: MessageId::now_v7(),
        client_msg_id: uuid::Uuid::new_v4().to_string(),
        kind: MessageType::Text,
        content: format!("message {number} of a backlog, about as long as people write them"),
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments: vec![],
        forwarded_from: None,
    });
    Job {
        job_id: JobId::now_v7(),
        v: VERSION,
        priority: act.priority(),
        room_id: Some(room),
        user_id: sender,
        session_id: None,
        socket_id: None,
        gateway_id: "chat-bench".to_owned(),
        created_at: Timestamp::now(),
        act,
    }
}
