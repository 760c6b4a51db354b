//! Lifetimes as operators write them: `7d`, `15m`, `1h 30m`, or bare seconds.

use std::time::Duration;

/// The text is not a duration that this project takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration; write for example 15m, 12h, 7d, or a number of seconds")]
pub struct MalformedDuration(String);

/// Parses `7d`, `15m`, `1h 30m` or bare seconds; zero is refused because no lifetime here may be empty.
///
/// # Errors
/// [`MalformedDuration`] for anything else.
pub fn parse(text: &str) -> Result<Duration, MalformedDuration> {
    let trimmed = text.trim();
    let parsed = match trimmed.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(trimmed).ok(),
    };
    parsed
        .filter(|span| !span.is_zero())
        .ok_or_else(|| MalformedDuration(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_minutes_and_bare_seconds_are_durations() {
        assert_eq!(parse("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(parse("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse("3600"), Ok(Duration::from_secs(3600)));
    }

    #[test]
    fn nonsense_and_zero_are_refused_with_an_example() {
        for text in ["", "soon", "-5", "0", "0s", "7 parsecs"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("write for example"), "{text}: {error}");
        }
    }
}
