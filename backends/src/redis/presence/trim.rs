//! The sweep over the online list: extends who is there, takes off who is not, and says who went.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use chat_core::ids::UserId;
use chat_core::names;

use super::{GATEWAY_TIMEOUT, GATEWAYS, LEASE, OFFLINE_LASTS, SOCKETS_LAST, aliases, millis};
use crate::redis::{Redis, RedisError};

/// How often the sweep is due; every gateway may call [`trim`] this often, one of them does the work.
pub const EVERY: Duration = Duration::from_secs(30);

/// Users of one script call: Redis does nothing else meanwhile, so it must be short.
const PAGE: usize = 200;

/// Whoever sets it does this round's sweep.
const TURN: &str = "chat:presence:trim";

static TRIM: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../lua/presence_trim.lua")));

/// Sweeps, unless another gateway did so within [`EVERY`]; returns who went offline without a word.
///
/// # Errors
/// [`RedisError`] if Redis is away: the next round catches up.
pub async fn trim(redis: &Redis) -> Result<Vec<UserId>, RedisError> {
    let mut connection = redis.connection();
    // A little shorter than the period, so that rounds don't slip behind.
    let turn = millis(EVERY).saturating_sub(1000);
    let ours: Option<String> = ::redis::cmd("SET")
        .arg(TURN)
        .arg("taken")
        .arg("NX")
        .arg("PX")
        .arg(turn)
        .query_async(&mut connection)
        .await?;
    if ours.is_none() {
        return Ok(Vec::new());
    }
    sweep(redis).await
}

/// Sweeps now, whoever's turn it is.
async fn sweep(redis: &Redis) -> Result<Vec<UserId>, RedisError> {
    let mut gone = Vec::new();
    let mut cursor = 0_u64;
    loop {
        let (next, page): (u64, Vec<(String, f64)>) = ::redis::cmd("ZSCAN")
            .arg(names::ONLINE_USERS)
            .arg(cursor)
            .arg("COUNT")
            .arg(PAGE)
            .query_async(&mut redis.connection())
            .await?;
        let users: Vec<UserId> = page.iter().filter_map(|(id, _)| id.parse().ok()).collect();
        // A small list is scanned in one page of any length.
        for part in users.chunks(PAGE) {
            let swept = sweep_page(redis, part).await?;
            aliases::write_all(redis, &swept).await?;
            gone.extend(swept);
        }
        cursor = next;
        if cursor == 0 {
            return Ok(gone);
        }
    }
}

async fn sweep_page(redis: &Redis, users: &[UserId]) -> Result<Vec<UserId>, RedisError> {
    let mut call = TRIM.key(names::ONLINE_USERS);
    call.key(GATEWAYS)
        .arg(millis(GATEWAY_TIMEOUT))
        .arg(millis(LEASE))
        .arg(millis(SOCKETS_LAST))
        .arg(millis(OFFLINE_LASTS));
    for user in users {
        call.key(names::sockets(*user))
            .key(super::order_key(*user))
            .key(names::presence(*user))
            .arg(user.to_string());
    }
    let gone: Vec<String> = redis.run(&call).await?;
    Ok(gone.iter().filter_map(|id| id.parse().ok()).collect())
}
