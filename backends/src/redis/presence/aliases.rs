//! The presence keys of an older deployment, for tools that still read them (`CHAT_WEBCHAT_REDIS_ALIASES`).
//!
//! Written after ours, from ours, and never read.

use chat_core::ids::UserId;
use chat_core::names;
use chat_core::protocol::objects::PresenceStatus;

use super::SOCKETS_LAST;
use crate::redis::{Redis, RedisError};

/// Who is online.
const USERS_ONLINE: &str = "webchat:users:online";

/// Copies one user's presence, if that is wanted.
pub(super) async fn write(redis: &Redis, user: UserId) -> Result<(), RedisError> {
    write_all(redis, &[user]).await
}

/// Copies several users' presence, if that is wanted.
pub(super) async fn write_all(redis: &Redis, users: &[UserId]) -> Result<(), RedisError> {
    if !redis.webchat_aliases {
        return Ok(());
    }
    for presence in super::get(redis, users).await? {
        let user = presence.user_id;
        let sockets_key = format!("webchat:user:sockets:{user}");
        let online = presence.status != PresenceStatus::Offline;
        let text = serde_json::json!({
            "userId": user,
            "status": presence.status,
            "lastSeen": presence.last_seen.unwrap_or(presence.at).unix_millis(),
        })
        .to_string();
        ::redis::pipe()
            .atomic()
            .cmd(if online { "SADD" } else { "SREM" })
            .arg(USERS_ONLINE)
            .arg(user.to_string())
            .cmd("SET")
            .arg(format!("webchat:user:presence:{user}"))
            .arg(text)
            .arg("EX")
            .arg(SOCKETS_LAST.as_secs())
            .cmd("SUNIONSTORE")
            .arg(&sockets_key)
            .arg(names::sockets(user))
            .cmd("EXPIRE")
            .arg(&sockets_key)
            .arg(SOCKETS_LAST.as_secs())
            .exec_async(&mut redis.connection())
            .await?;
    }
    Ok(())
}
