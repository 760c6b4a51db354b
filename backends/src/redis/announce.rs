//! Telling the gateways what was committed, and keeping the rooms' rings and heads, in one round trip.
//!
//! The ring comes first: whoever subscribes to a room and then reads its head has either the message in the ring or
//! the event still to come.

use std::sync::LazyLock;

use ::redis::{Pipeline, Script};
use chat_core::ids::RoomId;
use chat_core::names;

use super::fanout_publisher::Broadcast;
use super::ring::{APPEND, CAPACITY, Entry, LASTS};
use super::{Redis, RedisError};

/// Events of one pipeline; larger batches are split, so that other commands get their turn.
const PIPELINE: usize = 256;

/// Raises a ring's head, never lowers it: what was read from the database may be older than what was appended since.
static RAISE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if tonumber(redis.call('HGET', KEYS[1], 'head') or '-1') < tonumber(ARGV[1]) then \
         redis.call('HSET', KEYS[1], 'head', ARGV[1]) end return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
    )
});

/// Appends to the rings, then publishes the events in order.
///
/// # Errors
/// [`RedisError`] if Redis is away: some of it may have happened, and all of it may be repeated.
pub async fn announce(
    redis: &Redis,
    rings: &[(RoomId, Vec<Entry>)],
    broadcasts: &[Broadcast],
) -> Result<(), RedisError> {
    let mut connection = redis.connection();
    let mut pipeline = Pipeline::new();
    for part in rings.chunks(PIPELINE) {
        // Costs less than finding out that a restarted Redis does not know the script any more.
        pipeline.load_script(&APPEND).ignore();
        for (room, entries) in part {
            let mut append = APPEND.key(names::ring(*room));
            append.arg(CAPACITY).arg(millis(LASTS));
            for entry in entries {
                append.arg(entry.seq).arg(entry.kept());
            }
            pipeline.invoke_script(&append).ignore();
        }
        if part.len() == PIPELINE {
            pipeline.exec_async(&mut connection).await?;
            pipeline.clear();
        }
    }
    for part in broadcasts.chunks(PIPELINE) {
        for broadcast in part {
            pipeline
                .cmd("PUBLISH")
                .arg(&broadcast.channel)
                .arg(&broadcast.payload)
                .ignore();
        }
        pipeline.exec_async(&mut connection).await?;
        pipeline.clear();
    }
    if !pipeline.is_empty() {
        pipeline.exec_async(&mut connection).await?;
    }
    Ok(())
}

/// The heads of these rooms, as far as Redis knows them, in the order of `rooms`.
///
/// A head is at most as old as an event that is still to be published.
///
/// # Errors
/// [`RedisError`] if Redis is away: ask the database.
pub async fn heads(redis: &Redis, rooms: &[RoomId]) -> Result<Vec<Option<i64>>, RedisError> {
    let mut known = Vec::with_capacity(rooms.len());
    for part in rooms.chunks(PIPELINE) {
        let mut pipeline = Pipeline::with_capacity(part.len());
        for room in part {
            pipeline.cmd("HGET").arg(names::ring(*room)).arg("head");
        }
        let part: Vec<Option<i64>> = pipeline.query_async(&mut redis.connection()).await?;
        known.extend(part);
    }
    Ok(known)
}

/// Notes heads that were read from the database, so that the next who ask need not.
///
/// # Errors
/// [`RedisError`] if Redis is away: then the next ask the database again.
pub async fn note_heads(redis: &Redis, heads: &[(RoomId, i64)]) -> Result<(), RedisError> {
    for part in heads.chunks(PIPELINE) {
        let mut pipeline = Pipeline::with_capacity(part.len() + 1);
        pipeline.load_script(&RAISE).ignore();
        for (room, head) in part {
            let mut raise = RAISE.key(names::ring(*room));
            raise.arg(*head).arg(millis(LASTS));
            pipeline.invoke_script(&raise).ignore();
        }
        pipeline.exec_async(&mut redis.connection()).await?;
    }
    Ok(())
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
