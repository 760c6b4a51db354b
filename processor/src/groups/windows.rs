//! What happened in each room, and by each user, in windows of a few seconds: the `analytics` group sums it up, and when a
//! window is over the log is told (`analytics.message`, `analytics.user.activity`).
//!
//! A window costs one entry however much happens in it. It is told by whichever processor takes it from the table first,
//! also when nothing happens any more. What is found after that (a group that lagged) makes the window anew, with what is
//! missing only.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_backends::postgres::analytics::windows::{self, About, Counts, Window};
use chat_core::event::derived::{RoomWindow, UserWindow};
use chat_core::event::{DomainEvent, EventType};
use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;
use serde::Deserialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::outbox;

/// How long a window is.
const LENGTH_MILLIS: i64 = 10_000;
/// How long after its end a window waits for what is on its way through the log.
const GRACE_MILLIS: i64 = 2_000;
/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// Most windows of one transaction.
const BATCH: i64 = 500;

/// Who did it, as the entries spell it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Doer {
    sender_id: Option<UserId>,
    deleted_by: Option<UserId>,
    user_id: Option<UserId>,
    message: Option<Written>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    sender_id: UserId,
}

/// What `events` add to the windows.
pub(super) fn of(events: &[&DomainEvent]) -> Vec<Window> {
    // In the order of the key, so that two writers never wait for each other.
    let mut windows: BTreeMap<(i64, About), Counts> = BTreeMap::new();
    for event in events {
        let Some(count) = count(event.event_type) else {
            continue;
        };
        let begins = event.timestamp_ms - event.timestamp_ms.rem_euclid(LENGTH_MILLIS);
        let room = About::Room(RoomId::from(event.key));
        for about in [Some(room), doer(event).map(About::User)]
            .into_iter()
            .flatten()
        {
            *count(windows.entry((begins, about)).or_default()) += 1;
        }
    }
    windows
        .into_iter()
        .filter_map(|((begins, about), counts)| {
            Some(Window {
                begins: Timestamp::from_unix_millis(begins)?,
                about,
                counts,
            })
        })
        .collect()
}

/// What such an event counts as. A forwarded message is a new one too, and counted as that.
fn count(event_type: EventType) -> Option<fn(&mut Counts) -> &mut i64> {
    match event_type {
        EventType::MessageCreated => Some(|counts| &mut counts.messages),
        EventType::MessageUpdated => Some(|counts| &mut counts.updates),
        EventType::MessageDeleted => Some(|counts| &mut counts.deletes),
        EventType::MessageRead => Some(|counts| &mut counts.reads),
        _ => None,
    }
}

fn doer(event: &DomainEvent) -> Option<UserId> {
    let doer: Doer = serde_json::from_str(event.data.get()).ok()?;
    let writer = || doer.message.map(|message| message.sender_id);
    doer.sender_id
        .or(doer.deleted_by)
        .or(doer.user_id)
        .or_else(writer)
}

/// Tells of windows that are over until `stop`. Every processor does; each window is taken by one.
pub(super) async fn run(pool: PgPool, stop: CancellationToken) {
    let rounds = async {
        loop {
            match round(&pool, Timestamp::now()).await {
                Ok(told) if told == BATCH.unsigned_abs() => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the windows of activity wait"),
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    stop.run_until_cancelled(rounds).await;
}

async fn round(pool: &PgPool, now: Timestamp) -> Result<u64, sqlx::Error> {
    let before = now.unix_millis() - LENGTH_MILLIS - GRACE_MILLIS;
    let before = Timestamp::from_unix_millis(before).unwrap_or(now);
    let mut transaction = pool.begin().await?;
    let over = windows::take(&mut transaction, before, BATCH).await?;
    let told: Vec<DomainEvent> = over.iter().map(|window| entry(window, now)).collect();
    outbox::put(&mut transaction, &told).await?;
    transaction.commit().await?;
    Ok(u64::try_from(over.len()).unwrap_or(u64::MAX))
}

fn entry(window: &Window, now: Timestamp) -> DomainEvent {
    let from = window.begins;
    let to = from + Duration::from_millis(LENGTH_MILLIS.unsigned_abs());
    let Counts {
        messages,
        updates,
        deletes,
        reads,
    } = window.counts;
    match window.about {
        About::Room(room_id) => {
            let data = RoomWindow {
                room_id,
                from,
                to,
                messages,
                updates,
                deletes,
                reads,
            };
            DomainEvent::derived(EventType::AnalyticsMessage, now, room_id.uuid(), &data)
        }
        About::User(user_id) => {
            let data = UserWindow {
                user_id,
                from,
                to,
                messages,
                updates,
                deletes,
                reads,
            };
            DomainEvent::derived(EventType::AnalyticsUserActivity, now, user_id.uuid(), &data)
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ids::EventId;
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    fn event(
        at: i64,
        event_type: EventType,
        room: RoomId,
        data: &serde_json::Value,
    ) -> DomainEvent {
        let at = Timestamp::from_unix_millis(at).unwrap();
        let data = to_raw_value(data).unwrap();
        DomainEvent::new(EventId::now_v7(), event_type, at, room.uuid(), data)
    }

    #[test]
    fn what_happens_is_summed_up_by_window_for_its_room_and_whoever_did_it() {
        let (room, user, other) = (RoomId::now_v7(), UserId::now_v7(), UserId::now_v7());
        let sent = json!({"senderId": user, "content": "x"});
        let events = [
            event(9_999, EventType::MessageCreated, room, &sent),
            event(10_000, EventType::MessageCreated, room, &sent),
            event(10_001, EventType::MessageCreated, room, &sent),
            // The same message, told twice.
            event(10_001, EventType::MessageForwarded, room, &sent),
            event(
                12_000,
                EventType::MessageUpdated,
                room,
                &json!({"message": sent}),
            ),
            event(
                13_000,
                EventType::MessageDeleted,
                room,
                &json!({"deletedBy": other}),
            ),
            event(
                19_999,
                EventType::MessageRead,
                room,
                &json!({"userId": other}),
            ),
            event(
                19_999,
                EventType::UserTyping,
                room,
                &json!({"userId": other}),
            ),
        ];
        let windows = super::of(&events.each_ref());
        let of = |begins, about| {
            let begins = Timestamp::from_unix_millis(begins).unwrap();
            let mut found = windows
                .iter()
                .filter(|it| it.begins == begins && it.about == about);
            let counts = found.next().unwrap().counts;
            assert!(found.next().is_none());
            [
                counts.messages,
                counts.updates,
                counts.deletes,
                counts.reads,
            ]
        };
        assert_eq!(of(0, About::Room(room)), [1, 0, 0, 0]);
        assert_eq!(of(0, About::User(user)), [1, 0, 0, 0]);
        assert_eq!(of(10_000, About::Room(room)), [2, 1, 1, 1]);
        assert_eq!(of(10_000, About::User(user)), [2, 1, 0, 0]);
        assert_eq!(of(10_000, About::User(other)), [0, 0, 1, 1]);
        assert_eq!(windows.len(), 5);
    }
}
