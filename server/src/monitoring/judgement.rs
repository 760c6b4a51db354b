//! From figures to a judgement. The rules, all of them:
//!
//! | part of the score | weight | 1 when | 0 when |
//! |---|---|---|---|
//! | database answers | 0.30 | it does | it does not |
//! | broker answers | 0.20 | it does | it does not |
//! | Redis answers | 0.20 | it does | it does not |
//! | high queue | 0.15 | empty | at the depth from which typing is shed |
//! | dead letters | 0.05 | none | any |
//! | REST answers, 95th percentile | 0.10 | ≤ 100 ms | ≥ 1000 ms |
//!
//! `healthy` from 0.8 on, `degraded` from 0.5 on, else `unhealthy`; never `healthy` while one of the three is away.
//! What is between 1 and 0 counts in proportion.

use chat_core::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::Sample;

const FAST_MS: f64 = 100.0;
const SLOW_MS: f64 = 1000.0;
/// Half of what the low queue holds before it drops the oldest.
const LOW_PILES_UP: f64 = 50_000.0;

/// In a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Healthy,
    Degraded,
    Unhealthy,
}

/// The score and what it is made of.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Performance {
    pub(crate) status: Verdict,
    pub(crate) score: f64,
    pub(crate) details: Value,
}

/// How much an alert matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Info,
    Warning,
    Error,
}

/// Something worth a look.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Alert {
    #[serde(rename = "type")]
    pub(crate) severity: Severity,
    pub(crate) message: &'static str,
    pub(crate) timestamp: Timestamp,
    pub(crate) metric: &'static str,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
}

impl Performance {
    /// By the rules above.
    pub(crate) fn of(sample: &Sample, high_watermark: u64) -> Self {
        let health = &sample.system_health;
        let yes = |is: bool| if is { 1.0 } else { 0.0 };
        let parts = [
            ("database", 0.30, yes(health.database_connected)),
            ("rabbitmq", 0.20, yes(health.rabbitmq_connected)),
            ("redis", 0.20, yes(health.redis_connected)),
            (
                "queue",
                0.15,
                1.0 - share(sample.queue_depth.high, high_watermark),
            ),
            (
                "deadLetters",
                0.05,
                yes(sample.queue_depth.dead_letter == 0),
            ),
            ("responseTime", 0.10, speed(sample.response_time.p95)),
        ];
        let score: f64 = parts.iter().map(|(_, weight, part)| weight * part).sum();
        // Two decimals: more would say more than the rules know.
        let score = (score * 100.0).round() / 100.0;
        let all_there =
            health.database_connected && health.rabbitmq_connected && health.redis_connected;
        let status = match score {
            score if score >= 0.8 && all_there => Verdict::Healthy,
            score if score >= 0.5 => Verdict::Degraded,
            _ => Verdict::Unhealthy,
        };
        let details: serde_json::Map<String, Value> = parts
            .iter()
            .map(|(name, weight, part)| {
                ((*name).to_owned(), json!({"weight": weight, "value": part}))
            })
            .collect();
        Self {
            status,
            score,
            details: Value::Object(details),
        }
    }
}

/// What is wrong at the moment of a sample.
pub(super) fn alerts(sample: &Sample, high_watermark: u64) -> Vec<Alert> {
    let health = &sample.system_health;
    let (depth, low, dead, p95) = (
        float(sample.queue_depth.high),
        float(sample.queue_depth.low),
        float(sample.queue_depth.dead_letter),
        sample.response_time.p95,
    );
    let watermark = float(high_watermark);
    let away = |connected: bool| if connected { 1.0 } else { 0.0 };
    let rules = [
        (
            !health.database_connected,
            Severity::Error,
            "The database does not answer.",
            "databaseConnected",
            0.0,
            1.0,
        ),
        (
            !health.rabbitmq_connected,
            Severity::Error,
            "The broker is not connected.",
            "rabbitmqConnected",
            away(health.rabbitmq_connected),
            1.0,
        ),
        (
            !health.redis_connected,
            Severity::Error,
            "Redis does not answer.",
            "redisConnected",
            away(health.redis_connected),
            1.0,
        ),
        (
            depth > watermark,
            Severity::Warning,
            "The queue of messages is so long that typing and presence are dropped.",
            "queueDepth.high",
            depth,
            watermark,
        ),
        (
            low > LOW_PILES_UP,
            Severity::Info,
            "Typing and presence signals pile up.",
            "queueDepth.low",
            low,
            LOW_PILES_UP,
        ),
        (
            dead > 0.0,
            Severity::Warning,
            "There are dead letters.",
            "queueDepth.deadLetter",
            dead,
            0.0,
        ),
        (
            p95 > SLOW_MS,
            Severity::Warning,
            "Answers are slow.",
            "responseTime.p95",
            p95,
            SLOW_MS,
        ),
    ];
    rules
        .into_iter()
        .filter(|(is_wrong, ..)| *is_wrong)
        .map(|(_, severity, message, metric, value, threshold)| Alert {
            severity,
            message,
            timestamp: sample.timestamp,
            metric,
            value,
            threshold,
        })
        .collect()
}

/// What to do about it, in the same order.
pub(crate) fn recommendations(sample: &Sample, high_watermark: u64) -> Vec<&'static str> {
    alerts(sample, high_watermark)
        .iter()
        .map(|alert| match alert.metric {
            "databaseConnected" => {
                "Look at the database: nothing can be stored or read without it."
            }
            "rabbitmqConnected" => {
                "Look at the broker; gateways store messages themselves meanwhile."
            }
            "redisConnected" => "Look at Redis: nothing is delivered live without it.",
            "queueDepth.high" => {
                "Let more processors run, up to one a partition, or find out what slows them."
            }
            "queueDepth.low" => "Let more processors run: late typing is dropped.",
            "queueDepth.deadLetter" => "Look at the dead letters with `chat-processor dlq list`.",
            _ => "Let more gateways run, or find out what slows the database.",
        })
        .collect()
}

fn share(depth: u64, most: u64) -> f64 {
    (float(depth) / float(most.max(1))).min(1.0)
}

fn speed(p95: f64) -> f64 {
    ((SLOW_MS - p95) / (SLOW_MS - FAST_MS)).clamp(0.0, 1.0)
}

/// Exact up to 2^32, and nobody queues more.
fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATERMARK: u64 = 10_000;

    #[test]
    fn the_score_follows_its_rules() {
        let well = Performance::of(&Sample::healthy(), WATERMARK);
        assert_eq!((well.status, well.score), (Verdict::Healthy, 1.0));
        let mut sample = Sample::healthy();
        sample.queue_depth.high = 5_000;
        sample.response_time.p95 = 550.0;
        let busy = Performance::of(&sample, WATERMARK);
        assert_eq!((busy.status, busy.score), (Verdict::Healthy, 0.88));
        sample.system_health.redis_connected = false;
        let away = Performance::of(&sample, WATERMARK);
        assert_eq!((away.status, away.score), (Verdict::Degraded, 0.68));
        sample.system_health.database_connected = false;
        assert_eq!(
            Performance::of(&sample, WATERMARK).status,
            Verdict::Unhealthy
        );
    }

    #[test]
    fn without_a_backend_nothing_is_healthy() {
        let mut sample = Sample::healthy();
        sample.system_health.rabbitmq_connected = false;
        let judged = Performance::of(&sample, WATERMARK);
        assert_eq!((judged.status, judged.score), (Verdict::Degraded, 0.8));
        assert_eq!(alerts(&sample, WATERMARK)[0].metric, "rabbitmqConnected");
        assert_eq!(recommendations(&sample, WATERMARK).len(), 1);
    }
}
