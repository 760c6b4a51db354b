//! The merged envelope of the older REST routes: the payload as it is, and once more under `data` (the wire contract, §3.2).

use axum::Json;
use chat_core::error::{ErrorCode, Refusal};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::problem::Problem;

/// An answer in the envelope. A list has no members to merge, it stands under `data` only.
pub(crate) fn merged<T: Serialize>(
    status: StatusCode,
    message: &str,
    payload: &T,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let data = serde_json::to_value(payload).map_err(|error| {
        tracing::error!(%error, "an answer could not be encoded");
        Refusal::new(ErrorCode::Internal, "Something went wrong.")
    })?;
    let mut envelope = match &data {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    envelope.insert("statusCode".to_owned(), json!(status.as_u16()));
    envelope.insert("message".to_owned(), json!(message));
    envelope.insert("data".to_owned(), data);
    Ok((status, Json(Value::Object(envelope))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_there_twice_and_a_list_once() {
        let merged = |value: Value| merged(StatusCode::OK, "OK", &value).unwrap().1.0;
        assert_eq!(
            merged(json!({"a": 1})),
            json!({"a": 1, "statusCode": 200, "message": "OK", "data": {"a": 1}})
        );
        assert_eq!(
            merged(json!([1])),
            json!({"statusCode": 200, "message": "OK", "data": [1]})
        );
    }
}
