//! A light Socket.IO client: Engine.IO 4 over WebSocket, one namespace, no task and no buffer of its own.
//!
//! Frames are told apart by their first bytes; who wants a payload parses it. Reconnecting is the caller's business.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// How long the way in may take.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers, or not in time.
    #[error("the gateway can't be reached: {0}")]
    Unreachable(String),
    /// The gateway does not want this client.
    #[error("the gateway refused: {0}")]
    Refused(String),
}

/// One room of `session.ready`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadyRoom {
    /// The room.
    pub room_id: uuid::Uuid,
    /// Its head.
    pub last_seq: i64,
}

/// What the server says first.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    /// The user's rooms.
    pub rooms: Vec<ReadyRoom>,
}

/// What the server sends; payloads are JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// An event.
    Event {
        /// Its name.
        name: String,
        /// Its only argument.
        payload: String,
    },
    /// The answer to an event.
    Ack {
        /// As given to [`Connection::emit`].
        id: u64,
        /// The answer's only argument.
        payload: String,
    },
}

/// A socket in the namespace `/chat`.
pub struct Connection {
    stream: WebSocketStream<TcpStream>,
}

impl Connection {
    /// Connects, joins and waits for `session.ready`.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn open(gateway: SocketAddr, token: &str) -> Result<(Self, Ready), ConnectError> {
        timeout(HANDSHAKE, Self::handshake(gateway, token))
            .await
            .map_err(|_| ConnectError::Unreachable("no answer in time".to_owned()))?
    }

    async fn handshake(gateway: SocketAddr, token: &str) -> Result<(Self, Ready), ConnectError> {
        let unreachable =
            |error: &dyn std::fmt::Display| ConnectError::Unreachable(error.to_string());
        let stream = TcpStream::connect(gateway)
            .await
            .map_err(|error| unreachable(&error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| unreachable(&error))?;
        // Small buffers: thousands of clients share one process.
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0);
        let url = format!("ws://{gateway}/socket.io/?EIO=4&transport=websocket");
        let (stream, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config))
            .await
            .map_err(|error| unreachable(&error))?;
        let mut connection = Self { stream };
        connection
            .frame()
            .await
            .ok_or_else(|| unreachable(&"closed before the handshake"))?;
        let auth = serde_json::json!({"token": token, "dialect": "native"});
        connection.send(format!("40/chat,{auth}")).await;
        let mut joined = false;
        while let Some(frame) = connection.frame().await {
            if frame.starts_with("40/chat,") {
                joined = true;
            } else if let Some(refusal) = frame.strip_prefix("44/chat,") {
                return Err(ConnectError::Refused(refusal.to_owned()));
            } else if let Some(Packet::Event { name, payload }) = parse(&frame)
                && joined
                && name == "session.ready"
            {
                let ready = serde_json::from_str(&payload).map_err(|error| unreachable(&error))?;
                return Ok((connection, ready));
            }
        }
        Err(unreachable(&"closed before session.ready"))
    }

    /// Emits an event; the answer comes as [`Packet::Ack`] with this `id`. A broken connection is noticed by [`Self::next`].
    pub async fn emit(&mut self, id: u64, name: &str, payload: &str) {
        self.send(format!("42/chat,{id}[\"{name}\",{payload}]"))
            .await;
    }

    /// The next packet; `None` once the connection is gone. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Packet> {
        loop {
            let frame = self.frame().await?;
            if let Some(packet) = parse(&frame) {
                return Some(packet);
            }
            if frame.starts_with("41/chat") {
                return None;
            }
        }
    }

    /// Closes as a page does that is left.
    pub async fn close(mut self) {
        drop(timeout(Duration::from_secs(1), self.stream.close(None)).await);
    }

    async fn send(&mut self, frame: String) {
        drop(self.stream.send(Message::text(frame)).await);
    }

    async fn frame(&mut self) -> Option<String> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) if text.as_str() == "2" => self.send("3".to_owned()).await,
                Ok(Message::Text(text)) if text.as_str() == "1" => return None,
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// `42/chat,["name",payload]` or `43/chat,<id>[payload]`; anything else is none of these.
fn parse(frame: &str) -> Option<Packet> {
    if let Some(rest) = frame.strip_prefix("42/chat,[\"") {
        let (name, rest) = rest.split_once('"')?;
        let payload = rest
            .strip_prefix(',')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or("null");
        return Some(Packet::Event {
            name: name.to_owned(),
            payload: payload.to_owned(),
        });
    }
    let (id, rest) = frame.strip_prefix("43/chat,")?.split_once('[')?;
    Some(Packet::Ack {
        id: id.parse().ok()?,
        payload: rest.strip_suffix(']')?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_acks_are_told_apart_from_the_rest() {
        let event = Packet::Event {
            name: "pong".into(),
            payload: "{\"a\":[1]}".into(),
        };
        assert_eq!(parse("42/chat,[\"pong\",{\"a\":[1]}]"), Some(event));
        let ack = Packet::Ack {
            id: 7,
            payload: "{\"status\":\"OK\"}".into(),
        };
        assert_eq!(parse("43/chat,7[{\"status\":\"OK\"}]"), Some(ack));
        for other in [
            "40/chat,{}",
            "2",
            "",
            "42/chat,",
            "43/chat,x[1]",
            "42[\"root\",1]",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
