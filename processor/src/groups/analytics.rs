//! The `analytics` group: how much of what happened in each minute, for the performance routes; and what happened in each
//! room and by each user in a short window, for the log itself (`windows`).

use std::collections::BTreeMap;

use chat_backends::postgres::analytics::{self, Count, windows as kept};
use chat_core::event::{DomainEvent, EventType};
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use super::windows;
use crate::failure::Failure;

const MINUTE_MILLIS: i64 = 60_000;

pub(super) async fn handle(
    connection: &mut PgConnection,
    events: &[&DomainEvent],
) -> Result<(), Failure> {
    analytics::add(&mut *connection, &counts(events)).await?;
    kept::add(connection, &windows::of(events)).await?;
    Ok(())
}

/// The counts are of acts: what only tells of acts would count them twice.
pub(super) const fn wants(event_type: EventType) -> bool {
    !event_type.is_derived()
}

/// In the order of the key, so that two writers never wait for each other.
fn counts(events: &[&DomainEvent]) -> Vec<Count> {
    let mut counts: BTreeMap<(i64, &'static str), i64> = BTreeMap::new();
    for event in events {
        let minute = event.timestamp_ms - event.timestamp_ms.rem_euclid(MINUTE_MILLIS);
        *counts
            .entry((minute, event.event_type.as_str()))
            .or_default() += 1;
    }
    counts
        .into_iter()
        .filter_map(|((minute, event_type), events)| {
            Some(Count {
                minute: Timestamp::from_unix_millis(minute)?,
                event_type: event_type.to_owned(),
                events,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chat_core::ids::EventId;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn events_are_summed_up_by_minute_and_type() {
        let event = |at, event_type| {
            let at = Timestamp::from_unix_millis(at).unwrap();
            let data = RawValue::from_string("{}".to_owned()).unwrap();
            DomainEvent::new(EventId::now_v7(), event_type, at, uuid::Uuid::nil(), data)
        };
        let events = [
            event(59_999, EventType::MessageCreated),
            event(60_000, EventType::MessageCreated),
            event(61_000, EventType::ChatCreated),
            event(119_999, EventType::MessageCreated),
        ];
        let counts = counts(&events.each_ref());
        let shown: Vec<_> = counts
            .iter()
            .map(|count| {
                (
                    count.minute.unix_millis(),
                    count.event_type.as_str(),
                    count.events,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (0, "message.created", 1),
                (60_000, "chat.created", 1),
                (60_000, "message.created", 2)
            ]
        );
    }
}
