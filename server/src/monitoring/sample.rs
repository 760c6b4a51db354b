//! Taking the figures.

use std::time::{Duration, Instant};

use chat_backends::postgres::{self, analytics, rooms};
use chat_backends::redis::{presence, stats};
use chat_core::event::EventType;
use chat_core::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::judgement::Performance;
use super::response_times::Summary;
use crate::app::App;

/// How long one backend may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// What message rates are averaged over: whole minutes are what the rollup has.
const RATE_MINUTES: u32 = 2;

/// The figures of one moment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    pub(crate) timestamp: Timestamp,
    pub(crate) queue_depth: QueueDepth,
    pub(crate) processing_rate: ProcessingRate,
    pub(crate) system_health: SystemHealth,
    pub(crate) cache_stats: CacheStats,
    pub(crate) response_time: Summary,
}

/// Ready jobs.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueDepth {
    pub(crate) high: u64,
    pub(crate) medium: u64,
    pub(crate) low: u64,
    pub(crate) dead_letter: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessingRate {
    messages_per_second: f64,
    calls_per_second: f64,
    typing_events_per_second: f64,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SystemHealth {
    pub(crate) rabbitmq_connected: bool,
    pub(crate) redis_connected: bool,
    pub(crate) database_connected: bool,
    overall_score: f64,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CacheStats {
    pub(crate) connected: bool,
    /// Milliseconds.
    pub(crate) latency: f64,
    pub(crate) stats: CacheFigures,
}

#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CacheFigures {
    online_users: u64,
    total_rooms: i64,
    memory_usage: String,
    hit_rate: f64,
}

/// What this gateway had counted at the last sample.
pub(crate) struct Counted {
    at: Instant,
    calls: u64,
    typing: u64,
}

/// Takes a sample; `counted` is kept from one to the next.
pub(crate) async fn take(app: &App, counted: &mut Option<Counted>) -> Sample {
    let (cache_stats, messages_per_second, database_connected) =
        tokio::join!(cache(app), messages_per_second(app), database(app));
    let queue_depth = app
        .shedding
        .depths()
        .map_or_else(QueueDepth::default, |depths| QueueDepth {
            high: depths.high.ready,
            medium: depths.medium.ready,
            low: depths.low.ready,
            dead_letter: depths.dead.ready,
        });
    let (calls_per_second, typing_events_per_second) = rates(app, counted);
    let mut sample = Sample {
        timestamp: Timestamp::now(),
        queue_depth,
        processing_rate: ProcessingRate {
            messages_per_second,
            calls_per_second,
            typing_events_per_second,
        },
        system_health: SystemHealth {
            rabbitmq_connected: app.dispatcher.publisher().is_healthy(),
            redis_connected: cache_stats.connected,
            database_connected,
            overall_score: 0.0,
        },
        cache_stats,
        response_time: app.monitoring.response_times.summary(),
    };
    sample.system_health.overall_score = Performance::of(&sample, app.config.shedding.high).score;
    sample
}

/// How Redis is doing, and how many users and rooms there are.
pub(crate) async fn cache(app: &App) -> CacheStats {
    let redis = async {
        let stats = stats::read(&app.context.redis).await?;
        let online = presence::online_count(&app.context.redis).await?;
        Ok::<_, chat_backends::redis::RedisError>((stats, online))
    };
    let rooms = rooms::count(&app.context.pg);
    let (redis, rooms) = tokio::join!(
        tokio::time::timeout(PATIENCE, redis),
        tokio::time::timeout(PATIENCE, rooms)
    );
    let total_rooms = rooms.ok().and_then(Result::ok).unwrap_or_default();
    let Ok(Ok((stats, online_users))) = redis else {
        return CacheStats {
            connected: false,
            latency: 0.0,
            stats: CacheFigures {
                total_rooms,
                memory_usage: "unknown".to_owned(),
                ..CacheFigures::default()
            },
        };
    };
    CacheStats {
        connected: true,
        latency: stats.latency.as_secs_f64() * 1000.0,
        stats: CacheFigures {
            online_users,
            total_rooms,
            memory_usage: stats.memory,
            hit_rate: stats.hit_rate,
        },
    }
}

async fn database(app: &App) -> bool {
    let ping = tokio::time::timeout(PATIENCE, postgres::ping(&app.context.pg)).await;
    matches!(ping, Ok(Ok(())))
}

/// Of the whole chat, by the rollup of the event log; 0 while nobody keeps it.
async fn messages_per_second(app: &App) -> f64 {
    let minute = 60_000;
    let this_minute = Timestamp::now().unix_millis() / minute * minute;
    let first = this_minute - i64::from(RATE_MINUTES) * minute;
    let since = Timestamp::from_unix_millis(first).unwrap_or_else(Timestamp::now);
    let counted = tokio::time::timeout(PATIENCE, analytics::since(&app.context.pg, since)).await;
    let messages: i64 = counted
        .ok()
        .and_then(Result::ok)
        .unwrap_or_default()
        .iter()
        .filter(|count| count.event_type == EventType::MessageCreated.as_str())
        // The minute that runs is not over.
        .filter(|count| count.minute.unix_millis() < this_minute)
        .map(|count| count.events)
        .sum();
    let messages = u32::try_from(messages).unwrap_or(u32::MAX);
    f64::from(messages) / f64::from(RATE_MINUTES * 60)
}

fn rates(app: &App, counted: &mut Option<Counted>) -> (f64, f64) {
    let (calls, typing) = app.metrics.calls_and_typing();
    let now = Counted {
        at: Instant::now(),
        calls,
        typing,
    };
    let before = counted.replace(now);
    let Some(before) = before else {
        return (0.0, 0.0);
    };
    let seconds = before.at.elapsed().as_secs_f64().max(0.001);
    let rate = |now: u64, before: u64| {
        f64::from(u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX)) / seconds
    };
    (rate(calls, before.calls), rate(typing, before.typing))
}

#[cfg(test)]
impl Sample {
    /// Nothing is wrong.
    pub(super) fn healthy() -> Self {
        Self {
            timestamp: Timestamp::now(),
            queue_depth: QueueDepth::default(),
            processing_rate: ProcessingRate::default(),
            system_health: SystemHealth {
                rabbitmq_connected: true,
                redis_connected: true,
                database_connected: true,
                overall_score: 1.0,
            },
            cache_stats: CacheStats {
                connected: true,
                latency: 0.1,
                stats: CacheFigures::default(),
            },
            response_time: Summary::default(),
        }
    }
}
