//! The sockets: what clients send, from the table of events; what they hear, from the server events' type.

use chat_core::protocol::server::ServerEvent;
use schemars::generate::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::sockets::events::client_events;

/// What only one socket hears, which no process sends to another.
const OF_ONE_SOCKET: [(&str, &str); 6] = [
    (
        "session.ready",
        "First event of a connection: rooms with their last seq, limits.",
    ),
    (
        "session.expired",
        "The access token ran out; the connection ends.",
    ),
    (
        "server.draining",
        "The gateway shuts down: reconnect within the time given.",
    ),
    (
        "error",
        "What was wrong with an event that asked for no ack.",
    ),
    ("exception", "The same under its older name."),
    ("pong", "The answer to ping."),
];

pub(super) fn document(generator: &mut SchemaGenerator, version: &str) -> Value {
    let mut messages = Map::new();
    let mut sent = Vec::new();
    for (name, payload) in client_events() {
        let key = format!("client.{name}");
        let schema = payload(generator);
        messages.insert(key.clone(), json!({"name": name, "payload": schema}));
        sent.push(reference(&key));
    }
    let mut heard = Vec::new();
    for (name, payload) in server_events(generator) {
        let key = format!("server.{name}");
        messages.insert(key.clone(), json!({"name": name, "payload": payload}));
        heard.push(reference(&key));
    }
    for (name, summary) in OF_ONE_SOCKET {
        let key = format!("server.{name}");
        let message = json!({"name": name, "summary": summary, "payload": {"type": "object"}});
        messages.insert(key.clone(), message);
        heard.push(reference(&key));
    }
    let channel = json!({"$ref": "#/channels/chat"});
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "ChatCluster sockets",
            "version": version,
            "description": "Socket.IO 4, namespace /chat, path /socket.io. Every client event takes one object and an optional ack.",
        },
        "channels": {"chat": {"address": "/chat", "messages": messages}},
        "operations": {
            "receive": {"action": "receive", "summary": "What clients send.", "channel": channel, "messages": sent},
            "send": {"action": "send", "summary": "What clients hear.", "channel": channel, "messages": heard},
        },
        "components": {"schemas": generator.take_definitions(true)},
    })
}

fn reference(key: &str) -> Value {
    json!({"$ref": format!("#/channels/chat/messages/{key}")})
}

/// Names and payloads, out of the tagged type that the gateways exchange: a new event is here by being there.
fn server_events(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let all = generator.root_schema_for::<ServerEvent>().to_value();
    let variants = all["oneOf"].as_array().cloned().unwrap_or_default();
    variants
        .into_iter()
        .filter_map(|variant| {
            let name = variant["properties"]["event"]["const"].as_str()?.to_owned();
            Some((name, variant["properties"]["data"].clone()))
        })
        .collect()
}
