//! Where in the event log a consumer group begins to read again.

use std::fmt;
use std::str::FromStr;

use chat_backends::postgres::event_groups::Position;
use chat_core::time::Timestamp;

/// What a beginning may be.
pub const MALFORMED: &str = "must be first, last, an offset or a time like 2026-02-14T12:00:00Z";

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what the log still has.
    First,
    /// With what comes from now on.
    Last,
    /// With this entry.
    Offset(i64),
    /// With what was appended at this time.
    Time(Timestamp),
}

impl Start {
    /// As it is kept.
    pub const fn position(self, now: Timestamp) -> Position {
        let (next_offset, from_time) = match self {
            Self::First => (0, None),
            Self::Offset(offset) => (offset, None),
            Self::Last => (0, Some(now)),
            Self::Time(time) => (0, Some(time)),
        };
        Position {
            next_offset,
            from_time,
        }
    }
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(offset) = text.parse::<i64>() {
            return if offset < 0 {
                Err("an offset is 0 or more".to_owned())
            } else {
                Ok(Self::Offset(offset))
            };
        }
        match text {
            "first" => Ok(Self::First),
            "last" => Ok(Self::Last),
            time => serde_json::from_value(time.into())
                .map(Self::Time)
                .map_err(|_| MALFORMED.to_owned()),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Last => f.write_str("last"),
            Self::Offset(offset) => offset.fmt(f),
            Self::Time(time) => time.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_first_last_an_offset_or_a_time() {
        assert_eq!("first".parse(), Ok(Start::First));
        assert_eq!("last".parse(), Ok(Start::Last));
        assert_eq!("12".parse(), Ok(Start::Offset(12)));
        assert!(matches!("2026-02-14T12:00:00Z".parse(), Ok(Start::Time(_))));
        for bad in ["", "-1", "yesterday", "2026-02-14"] {
            assert!(bad.parse::<Start>().is_err(), "{bad}");
        }
    }
}
