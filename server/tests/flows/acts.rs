//! The rest of the canonical acts, by socket and by REST: each is the same act, told to the same people.

use serde_json::{Value, json};

use crate::harness::{Chat, Person, answer};
use crate::socket::Socket;

async fn team(chat: &Chat) -> (Person, Person, String, Socket, Socket) {
    let (ada, bob) = (chat.register().await, chat.register().await);
    let mut ada_socket = chat.connect(&ada).await;
    let bob_socket = chat.connect(&bob).await;
    let create = json!({"type": "group", "memberIds": [bob.id], "title": "Team"});
    let created = ada_socket.emit("room.create", &create).await;
    let room = created["room"]["id"].as_str().unwrap().to_owned();
    (ada, bob, room, ada_socket, bob_socket)
}

async fn message(socket: &mut Socket, room: &str) -> String {
    let sent = json!({"roomId": room, "content": "hello"});
    assert_eq!(socket.emit("message.send", &sent).await["status"], "QUEUED");
    let message = socket.event("message.delivered").await;
    message["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_edited_pinned_reacted_to_and_deleted() {
    let chat = Chat::start().await;
    let (ada, _bob, room, mut ada_socket, mut bob_socket) = team(&chat).await;
    let id = message(&mut ada_socket, &room).await;
    let queued = json!({"status": "QUEUED", "messageId": id});
    let edit = json!({"messageId": id, "content": "hello again"});
    assert_eq!(ada_socket.emit("message.edit", &edit).await, queued);
    assert_eq!(
        bob_socket.event("message.edited").await["content"],
        "hello again"
    );
    let forbidden = bob_socket.emit("message.edit", &edit).await;
    assert_eq!(forbidden["code"], "forbidden", "{forbidden}");
    let react = json!({"messageId": id, "emoji": "👍"});
    assert_eq!(bob_socket.emit("message.react", &react).await, queued);
    assert_eq!(
        ada_socket.event("message.reaction").await["action"],
        "added"
    );
    let pin = json!({"messageId": id});
    assert_eq!(bob_socket.emit("message.pin", &pin).await, queued);
    ada_socket.event("message.pinned").await;
    let (status, pins) = chat
        .get(&format!("/api/v1/rooms/{room}/pins"), Some(&ada.token))
        .await;
    assert_eq!((status, &pins["data"][0]["id"]), (200, &json!(id)));
    let path = chat.url(&format!("/api/v1/messages/{id}"));
    let (status, _) = answer(chat.client.delete(path).bearer_auth(&ada.token)).await;
    assert_eq!(status, 204);
    assert_eq!(
        bob_socket.event("message.deleted").await["messageId"],
        id.as_str()
    );
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_invited_join_and_leave() {
    let chat = Chat::start().await;
    let (ada, _bob, room, mut ada_socket, _bob_socket) = team(&chat).await;
    let eve = chat.register().await;
    let mut eve_socket = chat.connect(&eve).await;
    let invite = json!({"roomId": room, "userIds": [eve.id]});
    let invited = ada_socket.emit("room.invite", &invite).await;
    assert_eq!(
        invited["invites"][0]["userId"],
        eve.id.as_str(),
        "{invited}"
    );
    let heard = eve_socket.event("room.invited").await;
    let id = heard["invite"]["id"].as_str().unwrap();
    let (status, joined) = chat
        .post(
            &format!("/api/v1/invites/{id}/accept"),
            Some(&eve.token),
            &json!({}),
        )
        .await;
    assert_eq!((status, &joined["id"]), (200, &json!(room)));
    let told = ada_socket.event("room.member.joined").await;
    assert_eq!(told["userId"], eve.id.as_str());
    message(&mut ada_socket, &room).await;
    eve_socket.event("message.delivered").await;
    let kick = json!({"roomId": room, "userId": eve.id});
    assert_eq!(
        ada_socket.emit("room.kick", &kick).await["status"],
        "QUEUED"
    );
    assert_eq!(
        eve_socket.event("room.member.left").await["reason"],
        "kicked"
    );
    let (status, body) = chat
        .get(&format!("/api/v1/rooms/{room}"), Some(&eve.token))
        .await;
    assert_eq!((status, &body["code"]), (403, &json!("not_member")));
    let change = chat
        .client
        .patch(chat.url(&format!("/api/v1/rooms/{room}")))
        .bearer_auth(&ada.token)
        .json(&json!({"title": "Team 2"}));
    let (status, changed) = answer(change).await;
    assert_eq!((status, &changed["title"]), (200, &json!("Team 2")));
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn friends_are_asked_and_answer() {
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let (mut ada_socket, mut bob_socket) = (chat.connect(&ada).await, chat.connect(&bob).await);
    let asked = ada_socket
        .emit("friend.request", &json!({"userId": bob.id}))
        .await;
    assert_eq!(asked["status"], "QUEUED", "{asked}");
    let heard = bob_socket.event("friend.requested").await;
    assert_eq!(heard["request"]["id"], asked["requestId"]);
    let accept = json!({"requestId": asked["requestId"]});
    assert_eq!(
        bob_socket.emit("friend.accept", &accept).await["status"],
        "QUEUED"
    );
    ada_socket.event("friend.accepted").await;
    let (_, friends) = chat.get("/api/v1/friends", Some(&ada.token)).await;
    assert_eq!(friends["data"][0]["id"], bob.id.as_str());
    let block = chat.url(&format!("/api/v1/blocks/{}", bob.id));
    let (status, _) = answer(chat.client.put(block).bearer_auth(&ada.token)).await;
    assert_eq!(status, 204);
    let (_, friends) = chat.get("/api/v1/friends", Some(&ada.token)).await;
    assert_eq!(friends["data"], json!([]), "blocking ends friendship");
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_rings_is_answered_signalled_and_closed() {
    let chat = Chat::start().await;
    let (_ada, bob, room, mut ada_socket, mut bob_socket) = team(&chat).await;
    let initiate = json!({"roomId": room, "media": "video", "sdp": "offer"});
    let ringing = ada_socket.emit("call.initiate", &initiate).await;
    assert_eq!(ringing["status"], "QUEUED", "{ringing}");
    let heard = bob_socket.event("call.ringing").await;
    assert_eq!(heard["callId"], ringing["callId"]);
    let call = json!({"callId": ringing["callId"], "sdp": "answer"});
    let answered = bob_socket.emit("call.answer", &call).await;
    assert_eq!(
        (&answered["status"], &answered["call"]["state"]),
        (&json!("OK"), &json!("ongoing"))
    );
    ada_socket.event("call.answered").await;
    let data = json!({"candidate": [1, {"nested": null}]});
    let signal =
        json!({"callId": ringing["callId"], "kind": "ice", "data": data, "toUserId": bob.id});
    assert_eq!(
        ada_socket.emit("call.signal", &signal).await["status"],
        "OK"
    );
    assert_eq!(bob_socket.event("call.signal").await["data"], data);
    let closed = bob_socket.emit("call.close", &call).await;
    assert_eq!(closed["status"], "OK", "{closed}");
    ada_socket.event("call.closed").await;
    chat.stop().await;
}

async fn with_admin() -> (Chat, Person) {
    let chat = Chat::start_with(&[
        "--admin-email=root@example.org",
        "--admin-password=password",
    ])
    .await;
    let login = json!({"email": "root@example.org", "password": "password"});
    let admin = chat_test_support::until("the admin can log in", async || {
        let (status, body) = chat.post("/auth/login", None, &login).await;
        (status == 200).then(|| Person::of(&body))
    })
    .await;
    (chat, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_administrate_and_a_ban_takes_hold() {
    let (chat, admin) = with_admin().await;
    let bob = chat.register().await;
    let mut socket = chat.connect(&bob).await;
    let ban = |token: &str, body: Value| {
        let path = chat.url(&format!("/api/v1/admin/users/{}/ban", bob.id));
        answer(chat.client.put(path).bearer_auth(token).json(&body))
    };
    let (status, body) = ban(&bob.token, json!({"reason": "myself"})).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    let (status, body) = ban(&admin.token, json!({"reason": "spam"})).await;
    assert_eq!(status, 204, "{body}");
    socket.event("session.revoked").await;
    // A ban without an end: the account is still shown, as one that is not active.
    let (status, listed) = chat.get("/api/v1/admin/users", Some(&admin.token)).await;
    assert_eq!(status, 200, "{listed}");
    assert_eq!(listed["data"][0]["isActive"], false, "{listed}");
    let login = json!({"email": bob.email, "password": "password"});
    let (status, body) = chat.post("/auth/login", None, &login).await;
    assert_eq!((status, &body["code"]), (403, &json!("account_banned")));
    let (_, log) = chat
        .get("/api/v1/admin/audit?action=user.ban", Some(&admin.token))
        .await;
    assert_eq!(log["data"][0]["target"], bob.id.as_str(), "{log}");
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_list_and_change_by_the_older_routes_too() {
    let (chat, admin) = with_admin().await;
    let (ada, bob, room, _ada_socket, mut bob_socket) = team(&chat).await;
    let call = |method: &str, path: &str, token: &str, body: Value| {
        let method = method.parse().unwrap();
        let request = chat.client.request(method, chat.url(path));
        answer(request.bearer_auth(token).json(&body))
    };
    for path in ["/admin/accounts", "/admin/reports", "/admin/conversations"] {
        let (status, body) = call("GET", path, &ada.token, Value::Null).await;
        assert_eq!(
            (status, &body["code"]),
            (403, &json!("forbidden")),
            "{path}"
        );
    }
    let (status, page) = call(
        "GET",
        "/admin/accounts?page=2&size=2",
        &admin.token,
        Value::Null,
    )
    .await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(
        (
            &page["total"],
            &page["page"],
            &page["size"],
            &page["totalPages"]
        ),
        (&json!(3), &json!(2), &json!(2), &json!(2))
    );
    // The newest first: the one who was there before all others is on the last page.
    assert_eq!(page["items"][0]["id"], admin.id.as_str());
    let change = json!({"id": ada.id, "role": "ADMIN"});
    let (status, changed) = call("PATCH", "/admin/accounts", &admin.token, change).await;
    assert_eq!(
        (status, &changed["role"]),
        (200, &json!("ADMIN")),
        "{changed}"
    );
    let change = json!({"userId": bob.id, "isActive": false, "reason": "spam"});
    let (status, changed) = call("PATCH", "/admin/accounts", &ada.token, change).await;
    assert_eq!(
        (status, &changed["isActive"]),
        (200, &json!(false)),
        "{changed}"
    );
    bob_socket.event("session.revoked").await;
    let change = json!({"userId": bob.id, "isActive": true});
    let (status, changed) = call("PATCH", "/admin/accounts", &ada.token, change).await;
    assert_eq!(
        (status, &changed["isActive"]),
        (200, &json!(true)),
        "{changed}"
    );

    let report = json!({"targetType": "user", "targetId": bob.id, "reason": "spam"});
    let (status, report) = chat
        .post("/api/v1/reports", Some(&ada.token), &report)
        .await;
    assert_eq!(status, 201, "{report}");
    let pending = "/admin/reports?status=pending";
    let (_, page) = call("GET", pending, &admin.token, Value::Null).await;
    assert_eq!(
        (&page["total"], &page["items"][0]["id"]),
        (&json!(1), &report["id"]),
        "{page}"
    );
    let decision = json!({"reportId": report["id"], "status": "RESOLVED", "note": "done"});
    let (status, body) = call("PATCH", "/admin/reports", &admin.token, decision).await;
    assert_eq!(status, 200, "{body}");
    let (_, page) = call("GET", pending, &admin.token, Value::Null).await;
    assert_eq!((&page["total"], &page["items"]), (&json!(0), &json!([])));

    let (_, page) = call("GET", "/admin/conversations", &admin.token, Value::Null).await;
    assert_eq!(
        (&page["items"][0]["id"], &page["items"][0]["type"]),
        (&json!(room), &json!("GROUP"))
    );
    let (status, body) = call("DELETE", "/admin/conversations", &admin.token, json!({})).await;
    assert_eq!(
        (status, &body["errors"][0]["path"]),
        (400, &json!("id")),
        "{body}"
    );
    let which = json!({"conversationId": room});
    let (status, body) = call("DELETE", "/admin/conversations", &admin.token, which).await;
    assert_eq!(status, 200, "{body}");
    let (_, page) = call("GET", "/admin/conversations", &admin.token, Value::Null).await;
    assert_eq!(page["total"], 0, "{page}");
    chat.stop().await;
}
