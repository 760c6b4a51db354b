//! Who leaves a room, or looks away from it, does so on every gateway.

use serde_json::{Value, json};

use crate::harness::{Chat, Person};
use crate::socket::Socket;

/// A socket that speaks `webchat`, where only who looks at a chat hears it.
struct Viewer(Socket, u64);

impl Viewer {
    async fn connect(chat: &Chat, person: &Person) -> Self {
        let mut socket = Socket::open(&chat.base).await;
        socket
            .send(format!("40{}", json!({"token": person.token})))
            .await;
        socket
            .starting("42[\"connection:established\",")
            .await
            .unwrap();
        Self(socket, 0)
    }

    async fn ask(&mut self, event: &str, payload: &Value) -> Value {
        self.1 += 1;
        let Self(socket, id) = self;
        socket.send(format!("42{id}[\"{event}\",{payload}]")).await;
        let start = format!("43{id}[");
        let frame = socket.starting(&start).await.unwrap();
        serde_json::from_str(&frame[start.len()..frame.len() - 1]).unwrap()
    }

    /// The content of the next message.
    async fn message(&mut self) -> String {
        let start = "42[\"message\",";
        let frame = self.0.starting(start).await.unwrap();
        let message: Value = serde_json::from_str(&frame[start.len()..frame.len() - 1]).unwrap();
        message["content"].as_str().unwrap().to_owned()
    }
}

async fn say(socket: &mut Socket, room: &str, content: &str) {
    let sent = json!({"roomId": room, "content": content});
    assert_eq!(socket.emit("message.send", &sent).await["status"], "QUEUED");
    let heard = socket.event("message.delivered").await;
    assert_eq!(heard["content"], content);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_room_hears_it_on_no_gateway_any_more() {
    let chat = Chat::start().await;
    let other = chat.second_gateway().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let mut sender = chat.connect(&ada).await;
    let create = json!({"type": "group", "memberIds": [bob.id], "title": "Team"});
    let created = sender.emit("room.create", &create).await;
    let room = created["room"]["id"].as_str().unwrap();
    let direct = chat.dm(&ada, &bob).await;
    let mut leaver = [chat.connect(&bob).await, other.connect(&bob).await];
    say(&mut sender, room, "with bob").await;
    for socket in &mut leaver {
        assert_eq!(
            socket.event("message.delivered").await["content"],
            "with bob"
        );
    }
    let left = leaver[0].emit("room.leave", &json!({"roomId": room})).await;
    assert_eq!(left["status"], "QUEUED", "{left}");
    for socket in &mut leaver {
        let told = socket.event("room.member.left").await;
        assert_eq!(told["userId"], bob.id.as_str());
    }
    say(&mut sender, room, "without bob").await;
    say(&mut sender, &direct, "to bob").await;
    for socket in &mut leaver {
        assert_eq!(socket.event("message.delivered").await["content"], "to bob");
    }
    other.stop().await;
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_away_from_a_chat_does_so_on_every_gateway() {
    let chat = Chat::start().await;
    let other = chat.second_gateway().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let mut sender = chat.connect(&ada).await;
    let mut viewers = [
        Viewer::connect(&chat, &bob).await,
        Viewer::connect(&other, &bob).await,
    ];
    let view = json!({"chatId": room});
    for viewer in &mut viewers {
        assert_eq!(viewer.ask("chat:join", &view).await["status"], "ok");
    }
    say(&mut sender, &room, "both look").await;
    for viewer in &mut viewers {
        assert_eq!(viewer.message().await, "both look");
    }
    let left = viewers[0].ask("chat:leave", &view).await;
    assert_eq!(left, json!({"success": true}));
    say(&mut sender, &room, "nobody looks").await;
    for viewer in &mut viewers {
        assert_eq!(viewer.ask("chat:join", &view).await["status"], "ok");
    }
    say(&mut sender, &room, "both look again").await;
    for viewer in &mut viewers {
        assert_eq!(viewer.message().await, "both look again");
    }
    other.stop().await;
    chat.stop().await;
}
