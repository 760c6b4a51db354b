//! Everything that Redis has to say about a send, in one call: whether the sender may, the rate limit, the duplicate
//! guard, the spam guard; in this order, and nothing is counted for a send that an earlier one refuses.
//!
//! Whether somebody may send (a member, not muted, not blocked, no slow mode) is Postgres's to decide. What it
//! decided is remembered for the plain case only, for half a minute, under the room's version (see
//! [`super::members`]): any change of the room that is invalidated there is forgotten here at once.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use chat_core::ids::{JobId, RoomId, UserId};
use chat_core::{limits, names};

use super::dedup::Claim;
use super::members::{self, Version};
use super::rate_limit::{TokenBucket, Verdict};
use super::{Redis, RedisError, spam};

/// How long a sender is remembered: the longest that a change outside the room (an account's mute) goes unnoticed.
const SENDERS_LAST: Duration = Duration::from_secs(30);

/// How long a sender whose rights changed is looked up each time: whatever was remembered of them, or is just being
/// remembered from before the change, is gone by then.
const HOLD: Duration = Duration::from_secs(60);

static ADMIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("lua/token_bucket.lua"),
        include_str!("lua/repeats.lua"),
        include_str!("lua/admission.lua")
    ))
});

/// Adds the sender, if nothing was invalidated since the version was read.
static NOTE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (tonumber(redis.call('GET', KEYS[2])) or 0) ~= tonumber(ARGV[1]) then return 0 end redis.call('SADD', KEYS[1], ARGV[2]) if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end return 1",
    )
});

/// A send that asks to be let through.
#[derive(Debug, Clone, Copy)]
pub struct Send<'a> {
    /// Who sends.
    pub user: UserId,
    /// Where to.
    pub room: RoomId,
    /// The client's id of the send.
    pub client_msg_id: &'a str,
    /// The job that it would become.
    pub job: JobId,
    /// The content that repeats are counted of; empty is not counted.
    pub content: &'a str,
}

/// What Redis says about a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Let it through; a repeat goes out too, and the worker answers it.
    Admitted(Claim),
    /// It is not known whether the sender may: ask Postgres, [`note_sender`], and ask again with `may_send`.
    Unknown,
    /// Too fast.
    Limited {
        /// When the next send is allowed.
        retry_after: Duration,
    },
    /// The same content too often.
    Spam,
}

/// Where a room's plain senders are remembered.
pub(super) fn senders_key(room: RoomId) -> String {
    format!("{}:senders", names::room_members(room))
}

fn hold_key(user: UserId) -> String {
    format!("chat:senders:held:{user}")
}

/// Makes every send of a user be looked up in Postgres for a while: something changed that is not a room's own, such
/// as a block or a mute. To be called after the commit.
///
/// # Errors
/// [`RedisError`] if Redis is away: the change goes unnoticed for half a minute at most.
pub async fn hold(redis: &Redis, user: UserId) -> Result<(), RedisError> {
    ::redis::cmd("SET")
        .arg(hold_key(user))
        .arg("1")
        .arg("PX")
        .arg(u64::try_from(HOLD.as_millis()).unwrap_or(u64::MAX))
        .exec_async(&mut redis.connection())
        .await?;
    Ok(())
}

/// Asks about a send. `may_send`: Postgres has just said that the sender may.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn admit(
    redis: &Redis,
    send: Send<'_>,
    bucket: TokenBucket,
    may_send: bool,
) -> Result<Admission, RedisError> {
    let repeats = if send.content.is_empty() {
        0
    } else {
        limits::SPAM_REPEATS
    };
    let (verdict, detail): (String, String) = redis
        .run(
            ADMIT
                .key(senders_key(send.room))
                .key(names::throttle(&send.user.to_string(), "message"))
                .key(names::dedup(send.user, send.room, send.client_msg_id))
                .key(spam::key(send.user, send.room, send.content))
                .key(hold_key(send.user))
                .arg(send.user.to_string())
                .arg(u8::from(may_send))
                .arg(bucket.burst)
                .arg(bucket.per_second)
                .arg(send.job.to_string())
                .arg(limits::CLIENT_MSG_ID_MEMORY.as_secs())
                .arg(repeats)
                .arg(u64::try_from(limits::SPAM_WINDOW.as_millis()).unwrap_or(u64::MAX))
                .arg(send.client_msg_id),
        )
        .await?;
    Ok(match verdict.as_str() {
        "unknown" => Admission::Unknown,
        "spam" => Admission::Spam,
        "limited" => match Verdict::after(detail.parse().unwrap_or(1)) {
            Verdict::Limited { retry_after } => Admission::Limited { retry_after },
            Verdict::Allowed => Admission::Admitted(Claim::First),
        },
        // What we did not write ourselves is no claim.
        "repeat" => Admission::Admitted(detail.parse().map_or(Claim::First, Claim::Repeat)),
        _ => Admission::Admitted(Claim::First),
    })
}

/// Remembers that a user may send to a room without any condition; `version` was read ([`members::version`]) before
/// Postgres was asked.
///
/// Not for a sender whose right ends or begins by the clock: a mute that runs out, a slow mode.
///
/// # Errors
/// [`RedisError`] if Redis is away: the next send asks Postgres again.
pub async fn note_sender(
    redis: &Redis,
    room: RoomId,
    user: UserId,
    version: Version,
) -> Result<bool, RedisError> {
    redis
        .run(
            NOTE.key(senders_key(room))
                .key(members::version_key(room))
                .arg(version.0)
                .arg(user.to_string())
                .arg(u64::try_from(SENDERS_LAST.as_millis()).unwrap_or(u64::MAX)),
        )
        .await
}
