//! `chat-processor replay`: lets a consumer group read the event log again.

use chat_backends::config::PostgresArgs;
use chat_backends::postgres;
use chat_backends::postgres::event_groups;
use chat_core::time::Timestamp;
use chat_processor::groups::Group;
use chat_processor::groups::start::Start;
use clap::Args;
use serde_json::json;

use super::{CliError, print};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The consumer group
    #[arg(long)]
    group: Group,
    /// Where to begin: `first`, `last`, an offset of the log, or a time (RFC 3339)
    #[arg(long)]
    from: Start,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    postgres: PostgresArgs,
}

pub(super) async fn run(args: ReplayArgs) -> Result<(), CliError> {
    let config = args.postgres.resolve()?;
    let pool = postgres::connect(&config).map_err(anyhow::Error::from)?;
    let now = Timestamp::now();
    let from = args.from.position(now);
    let group = args.group.name();
    let done = event_groups::replay(&pool, group, from, now).await;
    pool.close().await;
    done.map_err(anyhow::Error::from)?;
    print(&if args.json {
        let report = json!({"group": group, "offset": from.next_offset, "from": from.from_time});
        format!("{report}\n")
    } else {
        format!("{group} reads again; what it has kept already is not counted twice\n")
    })
}
