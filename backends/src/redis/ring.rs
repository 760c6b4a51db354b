//! The latest messages of a room, complete and encoded, so that a reconnect needs no database.
//!
//! A hash from `seq` to message: appending again replaces instead of doubling, and a range is complete exactly if
//! every number in it is there. A room's numbers have no gaps, so a missing one means that the ring missed it.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use chat_core::ids::RoomId;
use chat_core::names;

use super::{Redis, RedisError};

/// Messages that a ring keeps.
pub const CAPACITY: i64 = 200;
/// How long a ring outlives the room's last message.
pub(super) const LASTS: Duration = Duration::from_secs(3600);
/// Longest encoded message that is kept; a longer one leaves a hole, and the database fills it.
pub(super) const MESSAGE_BYTES: usize = 16 * 1024;

/// Adds messages, drops those that fell out, keeps the highest number.
pub(super) static APPEND: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/ring_append.lua")));

/// Replaces a message that is there.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return 1",
    )
});

/// A room's message with its number, encoded as clients get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The message's number in the room.
    pub seq: i64,
    /// The encoded message.
    pub message: String,
}

impl Entry {
    /// What the ring keeps of it. An empty text only moves the head: the message is too large to keep.
    pub(super) fn kept(&self) -> &str {
        if self.message.len() <= MESSAGE_BYTES {
            self.message.as_str()
        } else {
            ""
        }
    }
}

/// What a ring has of the numbers that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Ascending, without a gap, starting right after the number that was named.
    pub entries: Vec<Entry>,
    /// Whether nothing is missing up to the head; otherwise ask the database.
    pub complete: bool,
}

/// Appends a room's new messages, in any order and as often as one likes.
///
/// # Errors
/// [`RedisError`] if Redis is away: the ring then has a hole, which [`after`] notices.
pub async fn append(redis: &Redis, room: RoomId, entries: &[Entry]) -> Result<(), RedisError> {
    let mut append = APPEND.key(names::ring(room));
    append
        .arg(CAPACITY)
        .arg(u64::try_from(LASTS.as_millis()).unwrap_or(u64::MAX));
    for entry in entries {
        append.arg(entry.seq);
        append.arg(kept(&entry.message));
    }
    if entries.is_empty() {
        return Ok(());
    }
    redis.run(&append).await
}

/// Replaces a message after an edit or a deletion, if the ring has it.
///
/// # Errors
/// [`RedisError`] if Redis is away: call [`forget`] before relying on the ring again.
pub async fn replace(redis: &Redis, room: RoomId, entry: &Entry) -> Result<bool, RedisError> {
    redis
        .run(
            REPLACE
                .key(names::ring(room))
                .arg(entry.seq)
                .arg(kept(&entry.message)),
        )
        .await
}

/// Forgets a room's ring.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn forget(redis: &Redis, room: RoomId) -> Result<(), RedisError> {
    ::redis::cmd("DEL")
        .arg(names::ring(room))
        .exec_async(&mut redis.connection())
        .await?;
    Ok(())
}

/// The messages after `seq` up to and including `head`, which the caller knows from the database or the room.
///
/// # Errors
/// [`RedisError`] if Redis is away: ask the database.
pub async fn after(redis: &Redis, room: RoomId, seq: i64, head: i64) -> Result<Range, RedisError> {
    let wanted = head.saturating_sub(seq);
    if wanted <= 0 || wanted > CAPACITY {
        return Ok(Range {
            entries: Vec::new(),
            complete: wanted <= 0,
        });
    }
    let mut read = ::redis::cmd("HMGET");
    read.arg(names::ring(room));
    for number in seq + 1..=head {
        read.arg(number);
    }
    let found: Vec<Option<String>> = read.query_async(&mut redis.connection()).await?;
    let entries: Vec<Entry> = (seq + 1..=head)
        .zip(found)
        .map_while(|(seq, message)| {
            Some(Entry {
                seq,
                message: message.filter(|text| !text.is_empty())?,
            })
        })
        .collect();
    Ok(Range {
        complete: i64::try_from(entries.len()) == Ok(wanted),
        entries,
    })
}

/// The message, or an empty text for a hole if it is too large to keep.
fn kept(message: &str) -> &str {
    if message.len() <= MESSAGE_BYTES {
        message
    } else {
        ""
    }
}
