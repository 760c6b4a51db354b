//! What travels over the fan-out channels of Redis, from whoever committed an act to the gateways.
//!
//! The event is encoded once, by its origin; gateways pass `data` on without parsing it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{RoomId, UserId};
use crate::protocol::server::ServerEvent;

/// Internal event on a user's channel: the user's sockets belong to another room from now on. Never sent to clients.
pub const CONTROL_JOIN: &str = "control.join";
/// Internal event on a user's channel: the user's sockets no longer belong to a room. Never sent to clients.
pub const CONTROL_LEAVE: &str = "control.leave";

/// Payload of [`CONTROL_JOIN`] and [`CONTROL_LEAVE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// The room joined or left.
    pub room_id: RoomId,
    /// The room's head when the membership changed: a gateway that joins its sockets later fills in what came after it.
    pub from_seq: i64,
}

/// Internal event: an event of one dialect that has no canonical spelling, so that only its clients hear it.
pub const CONTROL_SPOKEN: &str = "control.spoken";

/// Payload of [`CONTROL_SPOKEN`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spoken {
    /// The dialect's name.
    pub dialect: String,
    /// The event's name there, escaped as JSON wants it.
    pub event: String,
    /// Its payload.
    pub data: Box<RawValue>,
}

/// Internal event on a user's channel: the user's sockets look at a room no more (`chat:leave`). Never sent to clients.
pub const CONTROL_LOOK_AWAY: &str = "control.look_away";

/// Payload of [`CONTROL_LOOK_AWAY`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LookAway {
    /// The room.
    pub room_id: RoomId,
    /// The gateway that said so, and has done it already.
    pub gateway_id: String,
}

/// One event for the sockets of a room or of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fanout {
    /// Canonical name of the event.
    pub event: String,
    /// Canonical payload, encoded.
    pub data: Box<RawValue>,
    /// Only this socket hears it (the answer to a repeated send).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub only_socket: Option<String>,
    /// This socket does not hear it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub except_socket: Option<String>,
    /// No socket of this user hears it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub except_user: Option<UserId>,
    /// The socket that caused it: some dialects answer the emitting socket apart.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin_socket: Option<String>,
    /// When the gateway took the act in, in Unix milliseconds: the start of the delivery latency.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since_ms: Option<i64>,
    /// W3C trace context of the act.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<String>,
}

impl Fanout {
    /// An event that is encoded already, for every socket of the channel.
    pub fn of(event: String, data: Box<RawValue>) -> Self {
        Self {
            event,
            data,
            only_socket: None,
            except_socket: None,
            except_user: None,
            origin_socket: None,
            since_ms: None,
            traceparent: None,
        }
    }

    /// The event, for every socket of the channel.
    ///
    /// # Errors
    /// Only if the payload can't be encoded as JSON.
    pub fn new(event: &ServerEvent) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Encoded {
            event: String,
            data: Box<RawValue>,
        }
        let encoded: Encoded = serde_json::from_str(&serde_json::to_string(event)?)?;
        Ok(Self::of(encoded.event, encoded.data))
    }

    /// A control event for the gateways themselves: [`CONTROL_JOIN`] or [`CONTROL_LEAVE`].
    ///
    /// # Errors
    /// Only if the payload can't be encoded as JSON.
    pub fn control(event: &str, control: Control) -> Result<Self, serde_json::Error> {
        let data = serde_json::value::to_raw_value(&control)?;
        Ok(Self::of(event.to_owned(), data))
    }

    /// The control event [`CONTROL_LOOK_AWAY`].
    ///
    /// # Errors
    /// Only if the payload can't be encoded as JSON.
    pub fn look_away(look_away: &LookAway) -> Result<Self, serde_json::Error> {
        let data = serde_json::value::to_raw_value(look_away)?;
        Ok(Self::of(CONTROL_LOOK_AWAY.to_owned(), data))
    }

    /// An event of one dialect.
    ///
    /// # Errors
    /// Only if the payload can't be encoded as JSON.
    pub fn spoken(spoken: &Spoken) -> Result<Self, serde_json::Error> {
        let data = serde_json::value::to_raw_value(spoken)?;
        Ok(Self::of(CONTROL_SPOKEN.to_owned(), data))
    }

    /// The typed event, for a dialect that spells it differently.
    ///
    /// # Errors
    /// If a newer process sent an event that this one does not know.
    pub fn typed(&self) -> Result<ServerEvent, serde_json::Error> {
        #[derive(Serialize)]
        struct Tagged<'a> {
            event: &'a str,
            data: &'a RawValue,
        }
        let text = serde_json::to_string(&Tagged {
            event: &self.event,
            data: &self.data,
        })?;
        serde_json::from_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn an_event_survives_the_way_through_redis() {
        let event = ServerEvent::TypingUpdate {
            room_id: RoomId::now_v7(),
            user_id: UserId::now_v7(),
            is_typing: false,
            expires_at: Timestamp::now(),
        };
        let text = serde_json::to_string(&Fanout::new(&event).unwrap()).unwrap();
        let received: Fanout = serde_json::from_str(&text).unwrap();
        assert_eq!(received.typed().unwrap(), event);
    }
}
