//! Fan-out, the sending side: each event is encoded once and published to the channel of its room or user.

use super::{Redis, RedisError};

/// Events of one pipeline; larger batches are split, so that other commands get their turn.
const PIPELINE: usize = 256;

/// One encoded event and the channel that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// See [`chat_core::names::fanout_room`] and [`chat_core::names::fanout_user`].
    pub channel: String,
    /// The encoded [`chat_core::fanout::Fanout`].
    pub payload: String,
}

/// Publishes the events in order; returns how many gateways heard them, summed up.
///
/// # Errors
/// [`RedisError`] if Redis is away: some may have been heard; publishing all of them again is right, clients drop
/// what they have.
pub async fn publish(redis: &Redis, broadcasts: &[Broadcast]) -> Result<u64, RedisError> {
    let mut connection = redis.connection();
    let mut heard = 0;
    for part in broadcasts.chunks(PIPELINE) {
        let mut pipeline = ::redis::Pipeline::with_capacity(part.len());
        for broadcast in part {
            pipeline
                .cmd("PUBLISH")
                .arg(&broadcast.channel)
                .arg(&broadcast.payload);
        }
        let counts: Vec<u64> = pipeline.query_async(&mut connection).await?;
        heard += counts.iter().sum::<u64>();
    }
    Ok(heard)
}
