//! The `notifications` group: plans a notification for each browser of each member whom a new message concerns, and tells
//! the log of each member (`notification.send`). Whether its user is online is asked when it is sent (`push`).

use std::time::Duration;

use chat_backends::postgres::push::deliveries::{self, Notice};
use chat_core::event::derived::NotificationSend;
use chat_core::event::{DomainEvent, EventType};
use chat_core::ids::UserId;
use chat_core::protocol::objects::Message;
use chat_core::time::Timestamp;
use serde_json::json;
use sqlx::PgConnection;

use crate::failure::Failure;
use crate::outbox;

/// What is older is no news: a replay notifies nobody.
const NEWS_FOR: Duration = Duration::from_secs(3600);

pub(super) const fn wants(event_type: EventType) -> bool {
    matches!(event_type, EventType::MessageCreated)
}

pub(super) async fn handle(
    connection: &mut PgConnection,
    events: &[&DomainEvent],
) -> Result<(), Failure> {
    let now = Timestamp::now();
    let messages: Vec<Message> = events
        .iter()
        .filter(|event| is_news(event, now))
        .filter_map(|event| message(event))
        .collect();
    let notices: Vec<Notice> = messages.iter().map(notice).collect();
    let planned = deliveries::plan(&mut *connection, &notices, now).await?;
    let told: Vec<DomainEvent> = planned
        .into_iter()
        .filter_map(|(notice, user)| Some(send(messages.get(notice)?, user, now)))
        .collect();
    outbox::put(connection, &told).await?;
    Ok(())
}

fn send(message: &Message, user: UserId, now: Timestamp) -> DomainEvent {
    let data = NotificationSend {
        user_id: user,
        room_id: message.room_id,
        message_id: message.id,
        seq: message.seq,
        sender_id: message.sender_id,
        mentioned: message.mentions.contains(&user),
    };
    DomainEvent::derived(EventType::NotificationSend, now, user.uuid(), &data)
}

fn is_news(event: &DomainEvent, now: Timestamp) -> bool {
    Timestamp::from_unix_millis(event.timestamp_ms).is_some_and(|at| at.age_at(now) < NEWS_FOR)
}

fn message(event: &DomainEvent) -> Option<Message> {
    serde_json::from_str(event.data.get())
        .inspect_err(|error| tracing::warn!(%error, "a message of the log can't be read; nobody is notified"))
        .ok()
}

fn notice(message: &Message) -> Notice {
    let payload = json!({
        "type": "message",
        "roomId": message.room_id,
        "messageId": message.id,
        "seq": message.seq,
        "senderId": message.sender_id,
        "kind": message.kind,
        "preview": message.preview,
        "mentions": message.mentions,
    });
    Notice {
        room: message.room_id,
        author: message.sender_id,
        mentioned: message.mentions.clone(),
        payload: payload.to_string(),
    }
}
