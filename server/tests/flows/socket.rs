//! A Socket.IO client of bare WebSocket frames, for what no stock client would send.

use chat_test_support::PATIENCE;
use std::collections::VecDeque;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that were read while another one was awaited.
    backlog: VecDeque<String>,
    acks: u64,
}

impl Socket {
    pub(crate) async fn open(base: &str) -> Self {
        Self::open_at(base, "/socket.io/").await
    }

    pub(crate) async fn open_at(base: &str, path: &str) -> Self {
        let url = format!(
            "{}{path}?EIO=4&transport=websocket",
            base.replace("http://", "ws://")
        );
        let (stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut socket = Self {
            stream,
            backlog: VecDeque::new(),
            acks: 0,
        };
        let open = socket.frame().await.unwrap();
        assert!(open.starts_with("0{"), "{open}");
        socket
    }

    pub(crate) async fn send(&mut self, frame: impl Into<String>) {
        self.stream.send(Message::text(frame.into())).await.unwrap();
    }

    /// Sends what the server may refuse before it is all there.
    pub(crate) async fn send_in_vain(&mut self, frame: String) {
        let _may_be_cut_off = self.stream.send(Message::text(frame)).await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.stream.send(Message::binary(bytes)).await.unwrap();
    }

    /// The next frame that is not a heartbeat; `None` once the connection is closed.
    pub(crate) async fn frame(&mut self) -> Option<String> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => {
                    self.send_in_vain("3".to_owned()).await
                }
                Some(Ok(Message::Text(text))) if text.as_str() == "1" => return None,
                Some(Ok(Message::Text(text))) => return Some(text.as_str().to_owned()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Waits for a frame that starts so; others are kept.
    pub(crate) async fn starting(&mut self, start: &str) -> Option<String> {
        if let Some(index) = self
            .backlog
            .iter()
            .position(|frame| frame.starts_with(start))
        {
            return self.backlog.remove(index);
        }
        loop {
            let frame = self.frame().await?;
            if frame.starts_with(start) {
                return Some(frame);
            }
            self.backlog.push_back(frame);
        }
    }

    /// Joins a namespace; the refusal's message if it is refused.
    pub(crate) async fn join(&mut self, namespace: &str, auth: &Value) -> Result<String, String> {
        self.send(format!("40{namespace},{auth}")).await;
        let frame = self.frame().await.unwrap();
        let (head, body) = frame.split_once(',').unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        if head == format!("40{namespace}") {
            Ok(body["sid"].as_str().unwrap().to_owned())
        } else {
            assert_eq!(
                body,
                json!({"message": body["message"]}),
                "a message and nothing else"
            );
            Err(body["message"].as_str().unwrap().to_owned())
        }
    }

    /// The payload of the next such event on `/chat`.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        let start = format!("42/chat,[\"{name}\",");
        let frame = self
            .starting(&start)
            .await
            .unwrap_or_else(|| panic!("closed before {name}"));
        serde_json::from_str(&frame[start.len()..frame.len() - 1]).unwrap()
    }

    /// Emits on `/chat` and waits for the ack.
    pub(crate) async fn emit(&mut self, name: &str, payload: &Value) -> Value {
        let id = self.emit_later(name, payload).await;
        self.ack(id).await
    }

    /// Emits on `/chat`; the answer is for [`Self::ack`].
    pub(crate) async fn emit_later(&mut self, name: &str, payload: &Value) -> u64 {
        self.acks += 1;
        self.send(format!("42/chat,{}[\"{name}\",{payload}]", self.acks))
            .await;
        self.acks
    }

    pub(crate) async fn ack(&mut self, id: u64) -> Value {
        let start = format!("43/chat,{id}[");
        let frame = self.starting(&start).await.expect("an ack before the end");
        serde_json::from_str(&frame[start.len()..frame.len() - 1]).unwrap()
    }

    /// Waits until the connection is closed.
    pub(crate) async fn closed(&mut self) {
        while self.frame().await.is_some() {}
    }
}
