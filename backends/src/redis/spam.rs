//! Repeats of the same content by one sender in one room.

use std::sync::LazyLock;

use ::redis::Script;
use chat_core::ids::{RoomId, UserId};
use chat_core::limits;
use sha2::{Digest, Sha256};

use super::{Redis, RedisError};

static NOTE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("lua/repeats.lua"),
        include_str!("lua/spam.lua")
    ))
});

/// Counts one send of `content`, once under its id however often it comes, and says whether it is one repeat too many.
///
/// # Errors
/// [`RedisError`] if Redis is away.
pub async fn is_repeated_too_often(
    redis: &Redis,
    user: UserId,
    room: RoomId,
    client_msg_id: &str,
    content: &str,
) -> Result<bool, RedisError> {
    let verdict: u8 = redis
        .run(
            NOTE.key(key(user, room, content))
                .arg(client_msg_id)
                .arg(limits::SPAM_REPEATS)
                .arg(u64::try_from(limits::SPAM_WINDOW.as_millis()).unwrap_or(u64::MAX)),
        )
        .await?;
    Ok(verdict == 1)
}

/// Where sends of one content are counted: under a hash, so that keys stay short and no content is in them.
pub(super) fn key(user: UserId, room: RoomId, content: &str) -> String {
    let digest = hex::encode(&Sha256::digest(content.as_bytes())[..16]);
    format!("chat:spam:{user}:{room}:{digest}")
}
