//! How events are answered: acks, and errors where no ack was asked for (the wire contract, §1.3).

use chat_core::error::{ErrorCode, FieldError, Refusal};
use chat_core::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::client::Client;
use super::packet;
use crate::dialects::failing::Failing;

/// The answer to a failed event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SocketError<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    status: &'static str,
    event: &'a str,
    code: ErrorCode,
    message: &'a str,
    error: Summary<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_msg_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    timestamp: Timestamp,
}

#[derive(Debug, Serialize)]
struct Summary<'a> {
    code: ErrorCode,
    message: &'a str,
}

/// Where an event's answer goes.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// The event's name.
    pub(crate) event: String,
    /// The client's id for the answer, if it wants one.
    pub(crate) ack: Option<u64>,
    /// What the event carried as its client message id.
    pub(crate) client_msg_id: Option<String>,
    /// How the event's dialect spells its failure.
    pub(crate) failing: Failing,
}

impl Reply {
    /// Answers with success, if an answer is wanted.
    pub(crate) fn succeed<T: Serialize + ?Sized>(&self, client: &Client, answer: &T) {
        let Some(id) = self.ack else {
            return;
        };
        match serde_json::to_string(answer) {
            Ok(answer) => client.send(packet::ack(client.namespace, id, &answer)),
            Err(error) => {
                tracing::error!(%error, event = self.event, "an answer could not be encoded")
            }
        }
    }

    /// Answers with an error: by ack, else as `error` and as `exception`.
    pub(crate) fn fail(&self, client: &Client, refusal: &Refusal) {
        let mut error = SocketError {
            success: self.failing.success(),
            status: self.failing.status(),
            event: &self.event,
            code: refusal.code,
            message: &refusal.message,
            error: Summary {
                code: refusal.code,
                message: &refusal.message,
            },
            client_msg_id: self.client_msg_id.as_deref(),
            retry_after_ms: refusal
                .retry_after
                .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)),
            errors: &refusal.fields,
            timestamp: Timestamp::now(),
        };
        if self.ack.is_some() {
            self.succeed(client, &error);
        } else {
            error.status = "error";
            client.emit("error", &error);
            client.emit("exception", &error);
        }
        self.failing.tell(client, refusal);
    }
}

/// The client message id of a payload of any shape.
pub(crate) fn client_msg_id(payload: Option<&RawValue>) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Carrier {
        client_msg_id: String,
    }
    let carrier: Carrier = serde_json::from_str(payload?.get()).ok()?;
    Some(carrier.client_msg_id).filter(|id| id.len() <= 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_message_id_is_found_only_where_it_is_a_text() {
        let found =
            |json: &str| client_msg_id(Some(&RawValue::from_string(json.to_owned()).unwrap()));
        assert_eq!(
            found("{\"clientMsgId\":\"tmp-1\",\"roomId\":7}").as_deref(),
            Some("tmp-1")
        );
        for other in ["{\"clientMsgId\":7}", "null", "[]", "\"x\"", "{}"] {
            assert_eq!(found(other), None, "{other}");
        }
        assert_eq!(client_msg_id(None), None);
    }
}
