//! Sockets that have not said yet whose they are: only on `/ws`, and only for a moment.
//!
//! A guest is a client without a user, in its seat but not in the hub: it hears nothing and may do one thing.

use std::sync::Arc;
use std::time::Duration;

use chat_core::error::{ErrorCode, Refusal};
use engineioxide::Socket;

use super::ack::Reply;
use super::client::Client;
use super::connection::Connection;
use super::{engine, handshake, packet};
use crate::app::App;
use crate::auth::Identity;
use crate::dialects::failing::Failing;

/// How long a guest may take to show a token.
const PATIENCE: Duration = Duration::from_secs(10);

/// Seats a guest, and sends it away if it stays one.
pub(super) fn receive(app: &Arc<App>, socket: &Arc<Socket<Connection>>, guest: &Arc<Client>) {
    if !socket.data.seat(guest) {
        return;
    }
    guest.send(packet::connect(guest.namespace, &guest.id));
    let (app, guest) = (Arc::clone(app), Arc::downgrade(guest));
    let tasks = app.tasks.clone();
    tasks.spawn(async move {
        app.stop
            .run_until_cancelled(tokio::time::sleep(PATIENCE))
            .await;
        let Some(guest) = guest.upgrade() else {
            return;
        };
        let is_still_here = guest
            .engine()
            .and_then(|engine| engine.data.client(guest.namespace))
            .is_some_and(|client| Arc::ptr_eq(&client, &guest));
        if is_still_here {
            let reply = Reply {
                event: "authenticate".to_owned(),
                ack: None,
                client_msg_id: None,
                failing: Failing::Authenticate,
            };
            reply.fail(&guest, &unauthenticated());
            engine::dismiss(&app, &guest);
        }
    });
}

/// Whoever sits in this client's seat now: a guest's events may still be under way when it is one no more.
pub(crate) fn current(client: &Arc<Client>) -> Arc<Client> {
    client
        .engine()
        .and_then(|engine| engine.data.client(client.namespace))
        .unwrap_or_else(|| Arc::clone(client))
}

/// Makes a guest the client of its user, who hears of it once nothing of theirs is missed any more.
///
/// # Errors
/// `unavailable` if the connection is closing, or the user's rooms can't be read.
pub(crate) async fn admit(
    app: &Arc<App>,
    guest: &Client,
    identity: &Identity,
) -> Result<(), Refusal> {
    let socket = guest.engine().ok_or_else(gone)?;
    let client = Arc::new(guest.of_user(identity, &socket));
    handshake::admit(app, &socket, &client, false).await
}

/// The refusal of everything that a guest may not do.
pub(crate) fn unauthenticated() -> Refusal {
    Refusal::new(
        ErrorCode::Unauthenticated,
        "Please authenticate with a token first.",
    )
}

fn gone() -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "The connection is closing.")
}
