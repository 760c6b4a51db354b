//! The merged envelope: an object's members beside `statusCode`, `message` and the object itself as `data`.

use axum::response::{IntoResponse, Response};
use chat_core::error::ErrorCode;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::http::problem::Problem;

/// An answer of this dialect's routes.
pub(super) struct Envelope {
    status: StatusCode,
    payload: Result<Value, serde_json::Error>,
    beside: Map<String, Value>,
}

/// What every handler here returns.
pub(super) type Answer = Result<Envelope, Problem>;

impl Envelope {
    pub(super) fn ok<T: Serialize>(payload: &T) -> Self {
        Self::with(StatusCode::OK, payload)
    }

    pub(super) fn created<T: Serialize>(payload: &T) -> Self {
        Self::with(StatusCode::CREATED, payload)
    }

    pub(super) fn with<T: Serialize>(status: StatusCode, payload: &T) -> Self {
        Self {
            status,
            payload: serde_json::to_value(payload),
            beside: Map::new(),
        }
    }

    /// `{success, message}` of an act that has nothing else to say.
    pub(super) fn done(message: &str) -> Self {
        Self::created(&json!({"success": true, "message": message}))
    }

    /// One more member beside the payload.
    pub(super) fn beside(mut self, name: &str, value: Value) -> Self {
        self.beside.insert(name.to_owned(), value);
        self
    }
}

impl IntoResponse for Envelope {
    fn into_response(self) -> Response {
        let payload = match self.payload {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "an answer could not be encoded");
                return Problem::new(ErrorCode::Internal, "Something went wrong.").into_response();
            }
        };
        let mut body = match &payload {
            Value::Object(members) => members.clone(),
            _ => Map::new(),
        };
        body.extend(self.beside);
        body.insert("statusCode".to_owned(), json!(self.status.as_u16()));
        body.entry("message")
            .or_insert_with(|| json!(self.status.canonical_reason().unwrap_or("OK")));
        body.insert("data".to_owned(), payload);
        (self.status, axum::Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn body(envelope: Envelope) -> Value {
        let bytes = to_bytes(envelope.into_response().into_body(), 1 << 20)
            .await
            .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn an_object_stands_beside_its_envelope_and_a_list_in_it() {
        assert_eq!(
            body(Envelope::created(&json!({"id": 1}))).await,
            json!({"id": 1, "statusCode": 201, "message": "Created", "data": {"id": 1}})
        );
        assert_eq!(
            body(Envelope::ok(&[1, 2])).await,
            json!({"statusCode": 200, "message": "OK", "data": [1, 2]})
        );
        let done = body(Envelope::done("Left.")).await;
        assert_eq!(done["message"], "Left.");
        assert_eq!(done["success"], true);
    }
}
