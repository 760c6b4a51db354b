//! `chat-processor dlq`: dead letters for people and scripts.

use chat_backends::config::RabbitArgs;
use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::dead_letter::{DeadLetter, DeadLetterDesk, Replayed};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{CliError, print};

#[derive(Debug, Args)]
pub(super) struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
    /// Look at this many of the oldest letters at most, 1 to 10000
    #[arg(long, global = true, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10000))]
    limit: u16,
    #[command(flatten)]
    rabbitmq: RabbitArgs,
}

#[derive(Debug, Subcommand)]
enum DlqCommand {
    /// List the dead letters, the oldest first
    List,
    /// Show one dead letter with its job; the content of messages is part of it
    Show {
        /// The job's id
        job_id: String,
    },
    /// Put dead letters back on the queue that they came from; a job that was done meanwhile is not done again
    Replay {
        /// The job's id; without one, all letters up to the limit
        job_id: Option<String>,
    },
    /// Remove dead letters for good
    Purge {
        /// The job's id; without one, all letters: then --yes is needed
        job_id: Option<String>,
        /// Really remove all of them
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(args: DlqArgs) -> Result<(), CliError> {
    let config = args.rabbitmq.resolve()?;
    if let DlqCommand::Purge {
        job_id: None,
        yes: false,
    } = &args.command
    {
        let message = "this would remove every dead letter for good; name a job, or say --yes";
        return Err(anyhow::anyhow!(message).into());
    }
    let broker = Broker::connect(&config, "chat-processor dlq")
        .await
        .map_err(anyhow::Error::from)?;
    let done = serve(&args, &broker, &config).await;
    broker.close().await;
    done
}

async fn serve(
    args: &DlqArgs,
    broker: &Broker,
    config: &chat_backends::config::RabbitConfig,
) -> Result<(), CliError> {
    let limit = usize::from(args.limit);
    let desk = DeadLetterDesk::open(broker, config)
        .await
        .map_err(anyhow::Error::from)?;
    match &args.command {
        DlqCommand::List => {
            let letters = desk.list(limit).await.map_err(anyhow::Error::from)?;
            print(&if args.json {
                lines(letters.iter().map(|letter| describe(letter, false)))
            } else {
                table(&letters)
            })
        }
        DlqCommand::Show { job_id } => {
            let letter = desk
                .show(job_id, limit)
                .await
                .map_err(anyhow::Error::from)?;
            let letter = letter.ok_or_else(|| not_found(job_id, limit))?;
            print(&format!("{:#}\n", describe(&letter, true)))
        }
        DlqCommand::Replay { job_id } => {
            let replayed = desk
                .replay(job_id.as_deref(), limit)
                .await
                .map_err(anyhow::Error::from)?;
            match (&replayed.stopped, job_id) {
                (None, Some(id)) if replayed.replayed.is_empty() => {
                    Err(not_found(id, limit).into())
                }
                (stopped, _) => {
                    report(args.json, &replayed)?;
                    match stopped {
                        Some(why) => Err(anyhow::anyhow!("stopped early: {why}").into()),
                        None => Ok(()),
                    }
                }
            }
        }
        DlqCommand::Purge {
            job_id: Some(id), ..
        } => {
            if desk.remove(id, limit).await.map_err(anyhow::Error::from)? {
                removed(args.json, 1)
            } else {
                Err(not_found(id, limit).into())
            }
        }
        DlqCommand::Purge { job_id: None, .. } => {
            removed(args.json, desk.purge().await.map_err(anyhow::Error::from)?)
        }
    }
}

fn not_found(job_id: &str, limit: usize) -> anyhow::Error {
    anyhow::anyhow!(
        "no dead letter of job {job_id} among the oldest {limit}; raise --limit to look further"
    )
}

fn removed(json: bool, count: u64) -> Result<(), CliError> {
    print(&if json {
        format!("{}\n", json!({ "removed": count }))
    } else {
        format!("{count} removed\n")
    })
}

fn report(json: bool, replayed: &Replayed) -> Result<(), CliError> {
    print(&if json {
        let report = json!({"replayed": replayed.replayed, "left": replayed.left, "stopped": replayed.stopped});
        format!("{report}\n")
    } else {
        format!(
            "{} replayed, {} left\n",
            replayed.replayed.len(),
            replayed.left
        )
    })
}

fn describe(letter: &DeadLetter, with_job: bool) -> Value {
    let job: Option<Value> = serde_json::from_slice(&letter.delivery.body).ok();
    let kind = job.as_ref().and_then(|job| job["type"].as_str());
    let mut shown = json!({
        "jobId": letter.delivery.message_id,
        "type": kind,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "firstFailedAt": letter.first_failed,
        "lastFailedAt": letter.last_failed,
        "routingKey": letter.routing_key,
    });
    if with_job {
        shown["job"] = job.unwrap_or(Value::Null);
    }
    shown
}

fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}

fn table(letters: &[DeadLetter]) -> String {
    let mut text = format!(
        "{:<38}{:<18}{:>8}  {:<26}{}\n",
        "JOB", "TYPE", "ATTEMPTS", "LAST FAILED", "REASON"
    );
    for letter in letters {
        let shown = describe(letter, false);
        let of = |key: &str| shown[key].as_str().unwrap_or("-").to_owned();
        text.push_str(&format!(
            "{:<38}{:<18}{:>8}  {:<26}{}\n",
            of("jobId"),
            of("type"),
            letter.attempts,
            of("lastFailedAt"),
            of("reason"),
        ));
    }
    text
}
