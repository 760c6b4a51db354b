//! The `audit` group: acts on rooms and on other people's things go into the audit log. Content never does, and neither does
//! what the log is told of the audit log.

use chat_backends::postgres::audit::{self, NewEntry};
use chat_core::event::{DomainEvent, EventType};
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use serde_json::{Map, Value};
use sqlx::PgConnection;

use crate::failure::Failure;

/// The members that are kept: ids and roles, no texts.
const KEPT: [&str; 8] = [
    "roomId",
    "messageId",
    "seq",
    "userId",
    "role",
    "reason",
    "by",
    "scope",
];
/// The members that may name who did it, the first one there counts.
const ACTORS: [&str; 6] = [
    "by",
    "deletedBy",
    "pinnedBy",
    "unpinnedBy",
    "createdBy",
    "userId",
];

pub(super) async fn handle(
    connection: &mut PgConnection,
    events: &[&DomainEvent],
) -> Result<(), Failure> {
    for event in events {
        let data: Value = serde_json::from_str(event.data.get()).unwrap_or_default();
        // A room's events hold the room.
        let data = data.get("room").unwrap_or(&data);
        let target = event.key.to_string();
        let entry = NewEntry {
            at: Timestamp::from_unix_millis(event.timestamp_ms).unwrap_or_else(Timestamp::now),
            actor: actor(data),
            action: event.event_type.as_str(),
            target: Some(&target),
            key: Some(event.key),
            ip: None,
            details: details(data),
        };
        audit::write(&mut *connection, &entry).await?;
    }
    Ok(())
}

/// Messages themselves are in their own table; what happens around them is kept here.
pub(super) const fn wants(event_type: EventType) -> bool {
    !event_type.is_derived()
        && !matches!(
            event_type,
            EventType::MessageCreated
                | EventType::MessageForwarded
                | EventType::MessageRead
                | EventType::UserOnline
                | EventType::UserOffline
                | EventType::UserTyping
        )
}

fn actor(data: &Value) -> Option<UserId> {
    ACTORS
        .iter()
        .find_map(|member| data.get(member)?.as_str()?.parse().ok())
}

fn details(data: &Value) -> Value {
    let kept: Map<String, Value> = KEPT
        .iter()
        .filter_map(|member| Some(((*member).to_owned(), data.get(member)?.clone())))
        .collect();
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_the_actor_and_holds_no_text() {
        let user = UserId::now_v7();
        let data = serde_json::json!({
            "roomId": "r", "messageId": "m", "content": "secret", "preview": "secret", "deletedBy": user
        });
        assert_eq!(actor(&data), Some(user));
        assert_eq!(
            details(&data),
            serde_json::json!({"roomId": "r", "messageId": "m"})
        );
    }
}
