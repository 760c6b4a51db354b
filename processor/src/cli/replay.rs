//! `chat-processor replay`: lets a consumer group read the event log again.

use chat_backends::config::PostgresArgs;
use chat_backends::postgres;
use chat_backends::postgres::event_groups::{self, Position};
use chat_core::time::Timestamp;
use chat_processor::groups::Group;
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
    from: From,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    postgres: PostgresArgs,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    First,
    Last,
    Offset(i64),
    Time(Timestamp),
}

impl std::str::FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(offset) = text.parse::<i64>() {
            return if offset < 0 {
                Err("an offset is 0 or more".to_owned())
            } else {
                Ok(Self::Offset(offset))
            };
        }
        match text {
            "first" => Ok(Self::First),
            "last" => Ok(Self::Last),
            time => serde_json::from_value(time.into())
                .map(Self::Time)
                .map_err(|_| {
                    "must be first, last, an offset or a time like 2026-02-14T12:00:00Z".to_owned()
                }),
        }
    }
}

pub(super) async fn run(args: ReplayArgs) -> Result<(), CliError> {
    let config = args.postgres.resolve()?;
    let pool = postgres::connect(&config).map_err(anyhow::Error::from)?;
    let now = Timestamp::now();
    let from = match args.from {
        From::First => Position {
            next_offset: 0,
            from_time: None,
        },
        From::Offset(next_offset) => Position {
            next_offset,
            from_time: None,
        },
        From::Last => Position {
            next_offset: 0,
            from_time: Some(now),
        },
        From::Time(time) => Position {
            next_offset: 0,
            from_time: Some(time),
        },
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_first_last_an_offset_or_a_time() {
        assert_eq!("first".parse(), Ok(From::First));
        assert_eq!("last".parse(), Ok(From::Last));
        assert_eq!("12".parse(), Ok(From::Offset(12)));
        assert!(matches!("2026-02-14T12:00:00Z".parse(), Ok(From::Time(_))));
        for bad in ["", "-1", "yesterday", "2026-02-14"] {
            assert!(bad.parse::<From>().is_err(), "{bad}");
        }
    }
}
