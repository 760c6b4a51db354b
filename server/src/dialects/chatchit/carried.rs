//! What a failed event is recognised by: errors go out as `<event>Error` too, ack or not.

use chat_core::error::{ErrorCode, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Event;
use crate::sockets::client::Client;

/// Longest id that is given back.
const LONGEST: usize = 256;

/// The ids that an event carried.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    event: Event,
    temp_id: Option<String>,
    message_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    message: &'a str,
    code: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    temp_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
}

impl Carried {
    /// Of a payload of any shape.
    pub(crate) fn of(event: Event, payload: Option<&RawValue>) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct Ids<'a> {
            #[serde(borrow)]
            guid: Option<&'a RawValue>,
            #[serde(borrow)]
            message_id: Option<&'a RawValue>,
        }
        let ids: Ids<'_> = payload
            .and_then(|payload| serde_json::from_str(payload.get()).ok())
            .unwrap_or_default();
        let text = |raw: Option<&RawValue>| match serde_json::from_str(raw?.get()).ok()? {
            Value::String(text) if text.len() <= LONGEST => Some(text),
            _ => None,
        };
        Self {
            event,
            temp_id: text(ids.guid),
            message_id: text(ids.message_id),
        }
    }

    /// Emits the error event.
    pub(crate) fn fail(&self, client: &Client, refusal: &Refusal) {
        let failed = Failed {
            message: &refusal.message,
            code: refusal.code,
            temp_id: self.temp_id.as_deref(),
            message_id: self.message_id.as_deref(),
        };
        client.emit(&format!("{}Error", self.event.name()), &failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_payloads_of_any_shape() {
        let of = |json: &str| {
            let raw = RawValue::from_string(json.to_owned()).unwrap();
            let carried = Carried::of(Event::SendMessage, Some(&raw));
            (carried.temp_id, carried.message_id)
        };
        let both = (Some("t".to_owned()), Some("m".to_owned()));
        assert_eq!(of(r#"{"guid":"t","messageId":"m","x":[1]}"#), both);
        for other in ["null", "[]", "7", r#"{"guid":7,"messageId":{}}"#] {
            assert_eq!(of(other), (None, None), "{other}");
        }
    }
}
