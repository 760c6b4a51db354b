//! What every command needs: the stores, and the bounds that operators may set.

use std::sync::Arc;
use std::time::Duration;

use chat_backends::redis::Redis;
use chat_core::limits;
use sqlx::PgPool;

/// The stores and the policy; cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// Postgres, the truth.
    pub pg: PgPool,
    /// Redis, what can be rebuilt.
    pub redis: Redis,
    /// Bounds that operators may set.
    pub policy: Arc<Policy>,
}

/// Bounds that operators may set; the defaults are the wire contract's (§1.5, §1.6).
#[derive(Debug, Clone)]
pub struct Policy {
    /// Longest content in Unicode scalar values, before sanitising.
    pub max_content_chars: usize,
    /// How long a message may be edited; `None`: for good.
    pub edit_window: Option<Duration>,
    /// Burst of the message bucket, in messages.
    pub message_burst: u32,
    /// Refill of the message bucket, in messages per second.
    pub message_rate: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_content_chars: limits::CONTENT_CHARS,
            edit_window: None,
            message_burst: 300,
            message_rate: 50.0,
        }
    }
}
