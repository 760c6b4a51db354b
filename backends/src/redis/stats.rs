//! What Redis says of itself, for the monitoring routes.

use std::time::Duration;

use super::{Redis, RedisError};

/// How Redis is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// How long one answer took.
    pub latency: Duration,
    /// Memory in use, for people.
    pub memory: String,
    /// Share of the reads that found their key, 0 to 1; 1 before the first read.
    pub hit_rate: f64,
}

/// Asks Redis.
///
/// # Errors
/// [`RedisError`] if it is away.
pub async fn read(redis: &Redis) -> Result<Stats, RedisError> {
    let latency = redis.ping().await?;
    let info = ::redis::cmd("INFO");
    let text: String = info.query_async(&mut redis.connection()).await?;
    Ok(of(&text, latency))
}

fn of(info: &str, latency: Duration) -> Stats {
    let value = |name: &str| {
        info.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim())
    };
    let number = |name| {
        value(name)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    let (hits, misses) = (number("keyspace_hits"), number("keyspace_misses"));
    Stats {
        latency,
        memory: value("used_memory_human").unwrap_or("unknown").to_owned(),
        hit_rate: if hits + misses > 0.0 {
            hits / (hits + misses)
        } else {
            1.0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_read_out_of_the_text() {
        let info = "# Memory\r\nused_memory_human:1.50M\r\n# Stats\r\nkeyspace_hits:3\r\nkeyspace_misses:1\r\n";
        let stats = of(info, Duration::ZERO);
        assert_eq!((stats.memory.as_str(), stats.hit_rate), ("1.50M", 0.75));
        assert_eq!(of("", Duration::ZERO).hit_rate, 1.0);
    }
}
