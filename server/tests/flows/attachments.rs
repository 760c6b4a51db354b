//! Files: what goes up, who gets them down, and what becomes of those that nobody holds.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::harness::{Chat, Person, answer};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x06\0\0\0\0\0\0\0";

fn part(bytes: &[u8], name: &str, mime: &str) -> Part {
    Part::bytes(bytes.to_vec())
        .file_name(name.to_owned())
        .mime_str(mime)
        .unwrap()
}

async fn upload(chat: &Chat, person: &Person, part: Part) -> (u16, Value) {
    let form = Form::new().text("note", "ignored").part("file", part);
    let request = chat
        .client
        .post(chat.url("/api/v1/attachments"))
        .bearer_auth(&person.token)
        .multipart(form);
    answer(request).await
}

async fn picture(chat: &Chat, person: &Person) -> Value {
    let (status, file) = upload(chat, person, part(PNG, "a\u{fc} b.png", "image/png")).await;
    assert_eq!(status, 201, "{file}");
    file
}

async fn status_of(chat: &Chat, path: &str, token: &str) -> u16 {
    let request = chat.client.get(chat.url(path)).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_by_its_uploader_and_by_the_members_of_a_room_that_holds_it() {
    let chat = Chat::start().await;
    let (ada, bob, eve) = (
        chat.register().await,
        chat.register().await,
        chat.register().await,
    );
    let room = chat.dm(&ada, &bob).await;
    let file = picture(&chat, &ada).await;
    assert_eq!((&file["width"], &file["height"]), (&json!(3), &json!(2)));
    assert_eq!(file["size"], PNG.len());
    assert_eq!(file["thumbUrl"], file["url"]);
    let url = file["url"].as_str().unwrap();
    assert_eq!(status_of(&chat, url, &ada.token).await, 200);
    assert_eq!(status_of(&chat, url, &bob.token).await, 404, "not sent yet");

    let stolen = json!({"content": "mine", "attachments": [file["id"]]});
    let path = format!("/api/v1/rooms/{room}/messages");
    let (status, body) = chat.post(&path, Some(&bob.token), &stolen).await;
    assert_eq!(
        (status, &body["code"]),
        (403, &json!("forbidden")),
        "{body}"
    );

    let mut socket = chat.connect(&bob).await;
    let send = json!({"type": "image", "attachments": [file["id"]]});
    let (status, body) = chat.post(&path, Some(&ada.token), &send).await;
    assert_eq!(status, 202, "{body}");
    let message = socket.event("message.delivered").await;
    assert_eq!(message["attachments"][0]["id"], file["id"]);
    assert_eq!(message["attachments"][0]["sha256"], file["sha256"]);
    assert_eq!(status_of(&chat, url, &bob.token).await, 200);
    assert_eq!(status_of(&chat, url, &eve.token).await, 404);
    let by_query = chat
        .client
        .get(chat.url(&format!("{url}?token={}", bob.token)));
    assert_eq!(by_query.send().await.unwrap().status(), 200);
    let nobody = chat.client.get(chat.url(url)).send().await.unwrap();
    assert_eq!(nobody.status(), 401);

    let id = message["id"].as_str().unwrap();
    let delete = chat.url(&format!("/api/v1/messages/{id}"));
    let (status, _) = answer(chat.client.delete(delete).bearer_auth(&ada.token)).await;
    assert_eq!(status, 204);
    assert_eq!(
        status_of(&chat, url, &bob.token).await,
        404,
        "deleted with its message"
    );
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_down_as_it_went_up_and_in_parts() {
    let chat = Chat::start().await;
    let ada = chat.register().await;
    let file = picture(&chat, &ada).await;
    let get = |headers: &[(&str, &str)]| {
        let mut request = chat
            .client
            .get(chat.url(file["url"].as_str().unwrap()))
            .bearer_auth(&ada.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async move {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            (status, headers, answer.bytes().await.unwrap())
        }
    };
    let (status, headers, bytes) = get(&[]).await;
    assert_eq!((status, &bytes[..]), (200, PNG));
    assert_eq!(headers["content-type"], "image/png");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(
        headers["content-disposition"],
        "inline; filename=\"a_ b.png\"; filename*=UTF-8''a%C3%BC%20b.png"
    );
    let etag = headers["etag"].to_str().unwrap().to_owned();
    let (status, headers, bytes) = get(&[("range", "bytes=1-3")]).await;
    assert_eq!((status, &bytes[..]), (206, &PNG[1..4]));
    assert_eq!(
        headers["content-range"],
        format!("bytes 1-3/{}", PNG.len()).as_str()
    );
    let (status, headers, _) = get(&[("range", "bytes=9999-")]).await;
    assert_eq!(status, 416);
    assert_eq!(
        headers["content-range"],
        format!("bytes */{}", PNG.len()).as_str()
    );
    let (status, _, bytes) = get(&[("if-none-match", &etag)]).await;
    assert_eq!((status, bytes.len()), (304, 0));
    let (status, document) =
        upload(&chat, &ada, part(b"%PDF-1.7\n", "x.pdf", "application/pdf")).await;
    assert_eq!(status, 201, "{document}");
    let pdf = chat.client.get(chat.url(document["url"].as_str().unwrap()));
    let pdf = pdf.bearer_auth(&ada.token).send().await.unwrap();
    let place = pdf.headers()["content-disposition"].to_str().unwrap();
    assert!(place.starts_with("attachment;"), "{place}");
    chat.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_empty_or_not_what_it_says_is_refused() {
    let chat = Chat::start_with(&["--max-file-size=1000"]).await;
    let ada = chat.register().await;
    let refused = async |part: Part| {
        let (status, body) = upload(&chat, &ada, part).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let text = |count| part(&vec![b'x'; count], "a.txt", "text/plain");
    assert_eq!(upload(&chat, &ada, text(1000)).await.0, 201);
    assert_eq!(refused(text(1001)).await, (413, "payload_too_large".into()));
    assert_eq!(
        refused(text(2_000_000)).await,
        (413, "payload_too_large".into())
    );
    assert_eq!(refused(text(0)).await, (400, "validation_failed".into()));
    let unsupported = (415, "unsupported_media_type".to_owned());
    let disguised = part(b"<html><script>alert(1)</script>", "a.png", "image/png");
    assert_eq!(refused(disguised).await, unsupported);
    let page = part(b"<html><body>hi</body></html>", "a.html", "text/html");
    assert_eq!(refused(page).await, unsupported);
    let program = part(
        b"\x7fELF\x02\x01\x01\0\0\0\0\0",
        "a",
        "application/octet-stream",
    );
    assert_eq!(refused(program).await, unsupported);
    let json_body = chat
        .post("/api/v1/attachments", Some(&ada.token), &json!({}))
        .await;
    assert_eq!(json_body.0, 415);
    let no_file = Form::new().text("other", "x");
    let request = chat.client.post(chat.url("/api/v1/attachments"));
    let (status, body) = answer(request.bearer_auth(&ada.token).multipart(no_file)).await;
    assert_eq!((status, &body["errors"][0]["path"]), (400, &json!("file")));
    chat.stop().await;
}
