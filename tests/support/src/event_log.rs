//! Reading the event log as a stranger would: over AMQP, from its beginning.

use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;

use crate::queues::raw_channel;

/// Nothing came for this long: that was all so far.
const QUIET: Duration = Duration::from_millis(500);

/// An entry.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its place in the log.
    pub offset: i64,
    /// The header of that name.
    pub traceparent: Option<String>,
    /// Its body.
    pub event: Value,
}

/// What is in the log of this name so far.
///
/// # Panics
/// If there is no such log, or it holds what is no JSON.
pub async fn read(log: &str) -> Vec<LogEntry> {
    let channel = raw_channel().await;
    channel
        .basic_qos(1000, BasicQosOptions::default())
        .await
        .unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-stream-offset".into(),
        AMQPValue::LongString("first".into()),
    );
    let mut deliveries = channel
        .basic_consume(
            log.into(),
            "reader".into(),
            BasicConsumeOptions::default(),
            arguments,
        )
        .await
        .unwrap();
    let mut entries = Vec::new();
    while let Ok(delivery) = tokio::time::timeout(QUIET, deliveries.next()).await {
        let delivery = delivery.unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
        let headers = delivery.properties.headers().clone().unwrap_or_default();
        let offset = match headers.inner().get("x-stream-offset") {
            Some(AMQPValue::LongLongInt(offset)) => *offset,
            other => panic!("{other:?} is no offset"),
        };
        let traceparent = match headers.inner().get("traceparent") {
            Some(AMQPValue::LongString(text)) => {
                Some(String::from_utf8_lossy(text.as_bytes()).into_owned())
            }
            None => None,
            other => panic!("{other:?} is no trace context"),
        };
        entries.push(LogEntry {
            offset,
            traceparent,
            event: serde_json::from_slice(&delivery.data).unwrap(),
        });
    }
    channel.close(200, "done".into()).await.unwrap();
    entries
}
