//! The way into a namespace: token, place, rooms, `session.ready` (the wire contract, §1.2 and §2.2).

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Query;
use chat_backends::postgres::rooms::RoomHead;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{RoomId, SessionId, UserId};
use chat_core::limits;
use chat_core::time::Timestamp;
use engineioxide::{DisconnectReason, Socket, Str};
use http::header;
use serde::Serialize;
use serde_json::Value;

use super::client::Client;
use super::connection::Connection;
use super::namespace::Namespace;
use super::{guests, packet};
use crate::app::App;
use crate::auth::{AuthError, bare};
use crate::delivery::membership;
use crate::dialects::Dialect;
use crate::dialects::audience::Audience;
use crate::presence;

/// What the client gave along: the auth payload, else the request that opened the connection.
struct Given {
    token: Result<String, AuthError>,
    dialect: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready<'a> {
    user_id: UserId,
    session_id: Option<SessionId>,
    socket_id: &'a str,
    server_time: Timestamp,
    rooms: Vec<ReadyRoom>,
    limits: Limits,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyRoom {
    room_id: RoomId,
    last_seq: i64,
    last_read_seq: i64,
    unread: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    max_content: usize,
    max_group: usize,
    history_limit: u32,
}

impl From<RoomHead> for ReadyRoom {
    fn from(head: RoomHead) -> Self {
        Self {
            room_id: head.room_id,
            last_seq: head.last_seq,
            last_read_seq: head.last_read_seq,
            unread: head.unread,
        }
    }
}

/// Lets a client into a namespace whose place is reserved, or tells it why not.
pub(crate) async fn run(
    app: &Arc<App>,
    socket: &Arc<Socket<Connection>>,
    namespace: Namespace,
    auth: Option<Str>,
) {
    let given = given(auth.as_deref(), &socket.req_parts);
    let audience = Audience::select(namespace, given.dialect.as_deref());
    if namespace.has_guests() && matches!(given.token, Err(AuthError::NoToken)) {
        let guest = Arc::new(Client::guest(namespace, audience, socket));
        guests::receive(app, socket, &guest);
        return;
    }
    let identity = match given.token {
        Ok(token) => app.authenticator.authenticate(bare(&token)).await,
        Err(error) => Err(error),
    };
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => {
            refuse(socket, namespace, error);
            return;
        }
    };
    let client = Arc::new(Client::new(namespace, audience, &identity, socket));
    // A refusal has closed the connection: the client is to come again.
    let _ = admit(app, socket, &client, true).await;
}

/// Seats a client whose user is known, subscribes it to the user's rooms, and greets it.
///
/// # Errors
/// `unavailable` if the connection is closing, or is closed because the rooms can't be read.
pub(super) async fn admit(
    app: &Arc<App>,
    socket: &Arc<Socket<Connection>>,
    client: &Arc<Client>,
    is_new: bool,
) -> Result<(), Refusal> {
    // Known to the hub before its events can come: whoever is told `connect` is heard.
    let (changed, surplus) = app.hub.add(client, limits::SOCKETS_PER_USER);
    if !socket.data.seat(client) {
        super::engine::forget(app, client);
        let message = "The connection is closing.";
        return Err(Refusal::new(ErrorCode::Unavailable, message));
    }
    if let Some(surplus) = surplus {
        surplus.disconnect();
        super::engine::forget(app, &surplus);
    }
    // Who hears `session.ready` knows by it that its rooms are heard; for the others `connect` says so.
    let waits = !client.hears(Dialect::Canonical);
    let greeting = packet::connect(client.namespace, &client.id);
    if is_new && !waits {
        client.send(greeting.clone());
    }
    match membership::attach(app, client.user_id, changed.user).await {
        Ok(heads) => {
            if is_new && waits {
                client.send(greeting);
            }
            ready(app, client, heads);
        }
        Err(refusal) => {
            // A socket that knows nothing of its rooms would be mute but green: it is to come again.
            tracing::warn!(code = %refusal.code, "a socket's rooms could not be read; it is closed");
            client.close_transport();
            return Err(refusal);
        }
    }
    presence::connected(app, client).await;
    Ok(())
}

fn ready(app: &App, client: &Client, heads: Vec<RoomHead>) {
    let own = serde_json::json!({"userId": client.user_id});
    if client.hears(Dialect::Webchat) {
        client.emit("connection:established", &own);
    }
    if client.hears(Dialect::Conversations) {
        client.emit("authenticated", &own);
    }
    if !client.hears(Dialect::Canonical) {
        return;
    }
    let ready = Ready {
        user_id: client.user_id,
        session_id: client.session_id,
        socket_id: &client.id,
        server_time: Timestamp::now(),
        rooms: heads.into_iter().map(ReadyRoom::from).collect(),
        limits: Limits {
            max_content: app.config.policy.max_content_chars,
            max_group: limits::GROUP_MEMBERS,
            history_limit: limits::HISTORY_MAX,
        },
    };
    client.emit("session.ready", &ready);
}

fn refuse(socket: &Arc<Socket<Connection>>, namespace: Namespace, error: AuthError) {
    socket.data.leave(namespace);
    // A client that is refused stays away; one whose connection breaks comes again, which is right while we can't say.
    let told = error != AuthError::Unavailable
        && socket
            .emit(packet::connect_error(namespace.name(), &error.to_string()))
            .is_ok();
    if !told {
        socket.close(DisconnectReason::TransportError);
    }
}

/// The first token that is present: auth payload, `Authorization` header, query.
fn given(auth: Option<&str>, request: &http::request::Parts) -> Given {
    let auth: Value = auth
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let query: HashMap<String, String> = Query::try_from_uri(&request.uri)
        .map(|Query(query)| query)
        .unwrap_or_default();
    let of_payload = match auth.get("token") {
        None | Some(Value::Null) => None,
        Some(Value::String(token)) => Some(Ok(token.clone())),
        Some(_) => Some(Err(AuthError::InvalidToken)),
    };
    let of_header = request.headers.get(header::AUTHORIZATION).map(|value| {
        value
            .to_str()
            .map(ToOwned::to_owned)
            .map_err(|_| AuthError::InvalidToken)
    });
    let of_query = query.get("token").map(|token| Ok(token.clone()));
    let token = [of_payload, of_header, of_query]
        .into_iter()
        .flatten()
        .find(|token| !matches!(token, Ok(text) if bare(text).is_empty()))
        .unwrap_or(Err(AuthError::NoToken));
    let dialect = auth
        .get("dialect")
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
        .or_else(|| query.get("dialect").cloned());
    Given { token, dialect }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(
        auth: Option<&str>,
        header: Option<&'static str>,
        uri: &str,
    ) -> Result<String, AuthError> {
        let mut request = http::Request::builder().uri(uri);
        if let Some(value) = header {
            request = request.header(header::AUTHORIZATION, value);
        }
        given(auth, &request.body(()).unwrap().into_parts().0).token
    }

    #[test]
    fn the_payload_comes_before_the_header_before_the_query() {
        let uri = "/socket.io/?token=q";
        let payload = Some("{\"token\":\"p\"}");
        assert_eq!(token(payload, Some("Bearer h"), uri).as_deref(), Ok("p"));
        assert_eq!(
            token(Some("{}"), Some("Bearer h"), uri).as_deref(),
            Ok("Bearer h")
        );
        assert_eq!(
            token(Some("{\"token\":\"\"}"), None, uri).as_deref(),
            Ok("q")
        );
        assert_eq!(
            token(None, None, "/socket.io/?EIO=4"),
            Err(AuthError::NoToken)
        );
    }

    #[test]
    fn an_auth_payload_of_any_shape_is_survived() {
        for auth in ["", "null", "[]", "7", "\"t\"", "{", "{\"token\":null}"] {
            assert_eq!(
                token(Some(auth), None, "/"),
                Err(AuthError::NoToken),
                "{auth}"
            );
        }
        for auth in ["{\"token\":7}", "{\"token\":{\"a\":[]}}"] {
            assert_eq!(
                token(Some(auth), None, "/"),
                Err(AuthError::InvalidToken),
                "{auth}"
            );
        }
    }

    #[test]
    fn a_dialect_comes_from_the_payload_or_the_query() {
        let request = http::Request::builder()
            .uri("/?dialect=chatchit")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        assert_eq!(given(None, &request).dialect.as_deref(), Some("chatchit"));
        let named = given(Some("{\"dialect\":\"native\"}"), &request);
        assert_eq!(named.dialect.as_deref(), Some("native"));
    }
}
