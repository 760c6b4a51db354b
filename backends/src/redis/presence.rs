//! Who is there: every socket of every user, and what others see of it.
//!
//! Each socket is listed under its gateway's name, and each gateway vouches for its sockets by a heartbeat
//! ([`super::heartbeat::Heartbeats::gateways`]): one beat keeps thousands of sockets alive, and the sockets of a
//! gateway that was killed are swept away. A gateway's name must therefore be new at each start of its process.
//!
//! A user is online from the first socket to five seconds after the last one closed, so that a reload of a page is
//! no news to anyone.

mod aliases;
mod trim;

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use chat_core::ids::UserId;
use chat_core::protocol::objects::{Presence, PresenceStatus};
use chat_core::time::Timestamp;
use chat_core::{limits, names};
use futures::future;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::{Redis, RedisError};

pub use self::trim::{EVERY as TRIM_EVERY, trim};

/// Live gateways, scored by their last heartbeat in milliseconds.
pub const GATEWAYS: &str = "chat:gateways";

/// How long a gateway that stopped beating is believed to be alive.
pub const GATEWAY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long an entry of the online list lasts unless the trim job extends it.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// How long the list of a user's sockets lasts after the last change.
const SOCKETS_LAST: Duration = Duration::from_secs(24 * 3600);
/// How long an offline user's last-seen time is kept here; the database has it for good.
const OFFLINE_LASTS: Duration = Duration::from_secs(24 * 3600);

/// Sockets that are listed again at a time.
const RESTORED_AT_ONCE: usize = 64;

static CONNECT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/presence_connect.lua")));
static DISCONNECT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/presence_disconnect.lua")));
static EXPIRE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/presence_expire.lua")));
static SET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/presence_set.lua")));

/// What a new socket meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connected {
    /// The user was offline before: tell the contacts.
    pub came_online: bool,
    /// Sockets (`<gatewayId>:<socketId>`) beyond the limit, oldest first: they are to be closed by their gateways.
    pub evicted: Vec<String>,
}

/// How a socket is listed: `<gatewayId>:<socketId>`.
pub fn socket_entry(gateway_id: &str, socket_id: &str) -> String {
    format!("{gateway_id}:{socket_id}")
}

/// The order in which a user's sockets came, for dropping the oldest.
fn order_key(user: UserId) -> String {
    format!("{}:order", names::sockets(user))
}

/// Lists a socket. Listing it again is harmless and is how a gateway restores its sockets after Redis lost them.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn connect(
    redis: &Redis,
    user: UserId,
    gateway_id: &str,
    socket_id: &str,
) -> Result<Connected, RedisError> {
    let (came_online, evicted): (bool, Vec<String>) = redis
        .run(
            CONNECT
                .key(names::sockets(user))
                .key(order_key(user))
                .key(names::socket(user))
                .key(names::ONLINE_USERS)
                .key(names::presence(user))
                .arg(user.to_string())
                .arg(socket_entry(gateway_id, socket_id))
                .arg(millis(LEASE))
                .arg(millis(SOCKETS_LAST))
                .arg(limits::SOCKETS_PER_USER),
        )
        .await?;
    aliases::write(redis, user).await?;
    Ok(Connected {
        came_online,
        evicted,
    })
}

/// Lists a gateway's sockets again, after Redis lost them or another gateway swept them away (see
/// [`super::heartbeat::Heartbeats::beat_or_rejoin`]); returns the users who had been taken for offline: tell their
/// contacts.
///
/// # Errors
/// [`RedisError`] if Redis is away again: do it once more.
pub async fn restore(
    redis: &Redis,
    gateway_id: &str,
    sockets: &[(UserId, String)],
) -> Result<Vec<UserId>, RedisError> {
    // Owned by each call: futures that borrow from a closure's arguments could not be sent to another thread.
    stream::iter(sockets.to_vec())
        .map(|(user, socket)| {
            let (redis, gateway_id) = (redis.clone(), gateway_id.to_owned());
            async move {
                let connected = connect(&redis, user, &gateway_id, &socket).await?;
                Ok((user, connected.came_online))
            }
        })
        .buffer_unordered(RESTORED_AT_ONCE)
        .try_filter_map(|(user, came_online)| future::ok(came_online.then_some(user)))
        .try_collect()
        .await
}

/// Takes a socket off the list; `true` if it was the user's last: call [`expire`] after
/// [`limits::OFFLINE_GRACE`].
///
/// # Errors
/// [`RedisError`] if Redis is away; the trim job notices the gateway's next state.
pub async fn disconnect(
    redis: &Redis,
    user: UserId,
    gateway_id: &str,
    socket_id: &str,
) -> Result<bool, RedisError> {
    let was_last = redis
        .run(
            DISCONNECT
                .key(names::sockets(user))
                .key(order_key(user))
                .key(names::socket(user))
                .key(names::ONLINE_USERS)
                .key(names::presence(user))
                .arg(user.to_string())
                .arg(socket_entry(gateway_id, socket_id))
                .arg(millis(limits::OFFLINE_GRACE)),
        )
        .await?;
    aliases::write(redis, user).await?;
    Ok(was_last)
}

/// Ends the grace after the last socket; `true` for exactly one caller, and only if no socket came meanwhile: that
/// one tells the contacts.
///
/// # Errors
/// [`RedisError`] if Redis is away: the trim job will report the user.
pub async fn expire(redis: &Redis, user: UserId) -> Result<bool, RedisError> {
    let went_offline = redis
        .run(
            EXPIRE
                .key(names::sockets(user))
                .key(names::ONLINE_USERS)
                .key(names::presence(user))
                .arg(user.to_string())
                .arg(millis(OFFLINE_LASTS)),
        )
        .await?;
    aliases::write(redis, user).await?;
    Ok(went_offline)
}

/// Sets what others see of a connected user; `false` if that is nothing new or the user has no socket.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn set(
    redis: &Redis,
    user: UserId,
    status: PresenceStatus,
    activity: Option<&str>,
) -> Result<bool, RedisError> {
    let changed = redis
        .run(
            SET.key(names::ONLINE_USERS)
                .key(names::presence(user))
                .arg(user.to_string())
                .arg(status.as_str())
                .arg(activity.unwrap_or_default())
                .arg(millis(LEASE)),
        )
        .await?;
    aliases::write(redis, user).await?;
    Ok(changed)
}

/// What others see of these users, in the order asked; at most [`limits::PRESENCE_IDS`], the rest is left out.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn get(redis: &Redis, users: &[UserId]) -> Result<Vec<Presence>, RedisError> {
    let users = &users[..users.len().min(limits::PRESENCE_IDS)];
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let now = Timestamp::now();
    let mut pipeline = ::redis::Pipeline::with_capacity(users.len() + 2);
    // Leases end by Redis's clock.
    pipeline.cmd("TIME");
    pipeline.cmd("ZMSCORE").arg(names::ONLINE_USERS);
    for user in users {
        pipeline.arg(user.to_string());
    }
    for user in users {
        pipeline
            .cmd("HMGET")
            .arg(names::presence(*user))
            .arg(&["status", "activity", "lastSeen"]);
    }
    let mut answers: Vec<::redis::Value> = pipeline.query_async(&mut redis.connection()).await?;
    let hashes = answers.split_off(2);
    let [time, leases] = <[_; 2]>::try_from(answers).unwrap_or_default();
    let (seconds, micros): (f64, f64) = parse(time)?;
    let now_millis = seconds * 1000.0 + micros / 1000.0;
    let leases: Vec<Option<f64>> = parse(leases)?;
    users
        .iter()
        .zip(leases)
        .zip(hashes)
        .map(|((user, lease), hash)| {
            let (status, activity, last_seen): (Option<String>, Option<String>, Option<i64>) =
                parse(hash)?;
            let online = lease.is_some_and(|end| end > now_millis);
            let status = if online {
                status
                    .and_then(|name| PresenceStatus::from_name(&name))
                    .unwrap_or(PresenceStatus::Online)
            } else {
                PresenceStatus::Offline
            };
            let activity = activity.filter(|text| !text.is_empty());
            Ok(Presence {
                user_id: *user,
                status,
                activity: activity.filter(|_| status != PresenceStatus::Offline),
                last_seen: last_seen.and_then(Timestamp::from_unix_millis),
                at: now,
            })
        })
        .collect()
}

/// How many users are online, those who appear offline included.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn online_count(redis: &Redis) -> Result<u64, RedisError> {
    Ok(::redis::cmd("ZCARD")
        .arg(names::ONLINE_USERS)
        .query_async(&mut redis.connection())
        .await?)
}

/// Those of `users` whose lease has not run out, whatever status they chose to show.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn online_among(redis: &Redis, users: &[UserId]) -> Result<Vec<UserId>, RedisError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = ::redis::cmd("ZMSCORE");
    command.arg(names::ONLINE_USERS);
    for user in users {
        command.arg(user.to_string());
    }
    let leases: Vec<Option<f64>> = command.query_async(&mut redis.connection()).await?;
    // Entries whose time is over are removed by the trim job, at most 30 s late: a channel without sockets is harmless.
    Ok(users
        .iter()
        .zip(leases)
        .filter_map(|(user, lease)| lease.map(|_| *user))
        .collect())
}

/// A user's sockets on all gateways (`<gatewayId>:<socketId>`).
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn sockets(redis: &Redis, user: UserId) -> Result<Vec<String>, RedisError> {
    Ok(::redis::cmd("SMEMBERS")
        .arg(names::sockets(user))
        .query_async(&mut redis.connection())
        .await?)
}

fn parse<T: ::redis::FromRedisValue>(value: ::redis::Value) -> Result<T, RedisError> {
    T::from_redis_value(value).map_err(|error| RedisError(error.into()))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
