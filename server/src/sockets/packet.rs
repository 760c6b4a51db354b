//! The Socket.IO 5 packets, decoded from and encoded to the text of Engine.IO messages.
//!
//! Written here rather than taken from socketioxide, whose engine we use: there an event whose name is not a plain
//! string closes the socket, handlers of one socket run in no order, and a socket whose buffer is full can't be closed.

use chat_processor::trace;
use engineioxide::Str;
use serde_json::value::RawValue;

use super::namespace::Namespace;

/// Most binary attachments of one packet; clients of this protocol have no reason to send any.
const MAX_ATTACHMENTS: usize = 64;

/// A packet from a client. Texts are slices of the message, unparsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    /// Join a namespace, with the auth payload.
    Connect { namespace: Str, auth: Option<Str> },
    /// Leave a namespace.
    Disconnect { namespace: Str },
    /// An event; `attachments` binary messages follow.
    Event {
        namespace: Str,
        ack: Option<u64>,
        data: Str,
        attachments: usize,
    },
    /// The answer to an event of ours; we never ask for one, so it is skipped.
    Ack { attachments: usize },
}

/// The text is not a packet at all. The connection speaks another protocol and is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Socket.IO packet")]
pub(crate) struct Malformed;

impl Packet {
    /// Decodes one message. What stands in `data` is judged later, by [`arguments`].
    pub(crate) fn decode(text: &Str) -> Result<Self, Malformed> {
        let bytes = text.as_bytes();
        let kind = *bytes
            .first()
            .filter(|kind| (b'0'..=b'6').contains(*kind))
            .ok_or(Malformed)?;
        let mut at = 1;
        let attachments = if matches!(kind, b'5' | b'6') {
            let (count, end) = digits(bytes, at).ok_or(Malformed)?;
            if bytes.get(end) != Some(&b'-') {
                return Err(Malformed);
            }
            at = end + 1;
            usize::try_from(count)
                .ok()
                .filter(|count| *count <= MAX_ATTACHMENTS)
                .ok_or(Malformed)?
        } else {
            0
        };
        let namespace = if bytes.get(at) == Some(&b'/') {
            let end = bytes[at..]
                .iter()
                .position(|byte| *byte == b',')
                .map_or(bytes.len(), |length| at + length);
            let name = text.slice(at..end);
            at = (end + 1).min(bytes.len());
            without_query(&name)
        } else {
            Str::from("/")
        };
        let ack = match digits(bytes, at) {
            Some((id, end)) => {
                at = end;
                Some(id)
            }
            None => None,
        };
        let data = text.slice(at..);
        match kind {
            b'0' => Ok(Self::Connect {
                namespace,
                auth: (!data.is_empty()).then_some(data),
            }),
            b'1' => Ok(Self::Disconnect { namespace }),
            b'2' | b'5' => Ok(Self::Event {
                namespace,
                ack,
                data,
                attachments,
            }),
            b'3' | b'6' => Ok(Self::Ack { attachments }),
            _ => Err(Malformed),
        }
    }
}

/// Old clients append the query to the namespace: `/chat?token=…`.
fn without_query(name: &Str) -> Str {
    match name.as_bytes().iter().position(|byte| *byte == b'?') {
        Some(end) => name.slice(..end),
        None => name.clone(),
    }
}

/// The decimal number at `at` and where it ends; `None` without a digit or when it doesn't fit.
fn digits(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value: u64 = 0;
    let mut end = at;
    while let Some(digit) = bytes.get(end).filter(|byte| byte.is_ascii_digit()) {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
        end += 1;
    }
    (end > at).then_some((value, end))
}

/// The W3C trace context that a payload of any shape names.
pub(crate) fn traceparent(payload: Option<&RawValue>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Traced {
        traceparent: String,
    }
    let payload = payload?.get();
    // Nearly every payload has none, and finding that out must cost next to nothing.
    if !payload.contains(trace::TRACEPARENT) {
        return None;
    }
    let traced: Traced = serde_json::from_str(payload).ok()?;
    Some(traced.traceparent)
}

/// Name and first argument of an event; `None` if its data is not an array that starts with a string.
///
/// Deep nesting costs nothing here: the parser skips values without recursion.
pub(crate) fn arguments(data: &str) -> Option<(String, Option<&RawValue>)> {
    let values: Vec<&RawValue> = serde_json::from_str(data).ok()?;
    let name = serde_json::from_str(values.first()?.get()).ok()?;
    Some((name, values.get(1).copied()))
}

/// `connect` with the id that the socket has in this namespace.
pub(crate) fn connect(namespace: Namespace, socket_id: &str) -> Str {
    Str::from(format!("0{}{{\"sid\":\"{socket_id}\"}}", prefix(namespace)))
}

/// `connect_error`: the message only, no data. The namespace may be one that does not exist.
pub(crate) fn connect_error(namespace: &str, message: &str) -> Str {
    let body = serde_json::json!({ "message": message });
    if namespace == "/" {
        Str::from(format!("4{body}"))
    } else {
        Str::from(format!("4{namespace},{body}"))
    }
}

/// `disconnect` from a namespace.
pub(crate) fn disconnect(namespace: Namespace) -> Str {
    Str::from(format!("1{}", prefix(namespace)))
}

/// An event whose payload is encoded already; it is copied, not parsed.
pub(crate) fn event(namespace: Namespace, name: &str, payload: &str) -> Str {
    let mut text = String::with_capacity(name.len() + payload.len() + 16);
    text.push('2');
    text.push_str(prefix(namespace));
    text.push_str("[\"");
    text.push_str(name);
    text.push_str("\",");
    text.push_str(payload);
    text.push(']');
    Str::from(text)
}

/// The answer to event `id`, with one encoded argument.
pub(crate) fn ack(namespace: Namespace, id: u64, payload: &str) -> Str {
    Str::from(format!("3{}{id}[{payload}]", prefix(namespace)))
}

/// What stands between a packet's type and its data.
const fn prefix(namespace: Namespace) -> &'static str {
    match namespace {
        Namespace::Root => "",
        Namespace::Chat => "/chat,",
        Namespace::Ws => "/ws,",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &'static str) -> Result<Packet, Malformed> {
        Packet::decode(&Str::from(text))
    }

    #[test]
    fn packets_of_a_stock_client_are_read() {
        assert_eq!(
            decode("0/chat,{\"token\":\"t\"}"),
            Ok(Packet::Connect {
                namespace: "/chat".into(),
                auth: Some("{\"token\":\"t\"}".into())
            })
        );
        assert_eq!(
            decode("0"),
            Ok(Packet::Connect {
                namespace: "/".into(),
                auth: None
            })
        );
        assert_eq!(
            decode("2/chat,12[\"ping\",{}]"),
            Ok(Packet::Event {
                namespace: "/chat".into(),
                ack: Some(12),
                data: "[\"ping\",{}]".into(),
                attachments: 0
            })
        );
        assert_eq!(
            decode("51-/chat,3[\"x\",{\"_placeholder\":true,\"num\":0}]"),
            Ok(Packet::Event {
                namespace: "/chat".into(),
                ack: Some(3),
                data: "[\"x\",{\"_placeholder\":true,\"num\":0}]".into(),
                attachments: 1
            })
        );
        assert_eq!(
            decode("1/chat,"),
            Ok(Packet::Disconnect {
                namespace: "/chat".into()
            })
        );
        assert_eq!(
            decode("1/chat"),
            Ok(Packet::Disconnect {
                namespace: "/chat".into()
            })
        );
    }

    #[test]
    fn what_is_no_packet_is_refused_and_never_panics() {
        for text in [
            "",
            "x",
            "é",
            "9",
            "5",
            "5-[]",
            "51",
            "5999999999999999999999-[]",
            "565-[]",
            "4/chat,{}",
        ] {
            assert_eq!(decode(text), Err(Malformed), "{text}");
        }
        for text in [
            "2/",
            "2/ü,[]",
            "2,,,",
            "299999999999999999999[]",
            "0/chat",
            "3",
            "2é",
        ] {
            let _ = decode(text);
        }
    }

    #[test]
    fn only_an_array_that_starts_with_a_string_is_an_event() {
        let (name, payload) = arguments("[\"a\\u0062\",{\"x\":1},2]").unwrap();
        assert_eq!(name, "ab");
        assert_eq!(payload.map(RawValue::get), Some("{\"x\":1}"));
        for data in [
            "",
            "{}",
            "[",
            "[]",
            "[1]",
            "[null,{}]",
            "\"ping\"",
            "[\"ping\"] x",
        ] {
            assert!(arguments(data).is_none(), "{data}");
        }
    }

    #[test]
    fn deep_nesting_is_skipped_without_recursion() {
        let deep = format!("[\"x\",{}{}]", "[".repeat(400_000), "]".repeat(400_000));
        assert!(arguments(&deep).is_some());
    }

    #[test]
    fn events_and_acks_read_as_the_protocol_says() {
        assert_eq!(
            event(Namespace::Chat, "pong", "{\"a\":1}").as_str(),
            "2/chat,[\"pong\",{\"a\":1}]"
        );
        assert_eq!(
            event(Namespace::Root, "pong", "{}").as_str(),
            "2[\"pong\",{}]"
        );
        assert_eq!(ack(Namespace::Chat, 7, "{}").as_str(), "3/chat,7[{}]");
        assert_eq!(disconnect(Namespace::Chat).as_str(), "1/chat,");
        assert_eq!(
            connect_error("/x", "Invalid namespace").as_str(),
            "4/x,{\"message\":\"Invalid namespace\"}"
        );
        assert_eq!(
            connect_error("/", "Invalid token").as_str(),
            "4{\"message\":\"Invalid token\"}"
        );
    }
}
