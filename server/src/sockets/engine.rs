//! What engineioxide calls: a connection came, said something, went.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_core::limits;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Socket, Str};

use super::client::Client;
use super::connection::{Connection, Pending};
use super::namespace::Namespace;
use super::packet::{self, Packet};
use super::{events, handshake};
use crate::app::App;
use crate::presence;

/// Path of the engine, with or without a slash at its end.
pub(crate) const PATH: &str = "/socket.io";

/// The same engine under another path.
pub(crate) const PATH_ALIAS: &str = "/ws/socket.io";

/// How long a connection may stay without a namespace.
const HOMELESS_LIMIT: Duration = Duration::from_secs(15);

/// Packets that may wait for a client; one that falls further behind is closed, to resume.
const BUFFER_PACKETS: usize = 512;

/// Bytes that are made room for before a client says anything; longer frames make their own.
const READ_BUFFER_BYTES: usize = 512;

/// Our side of the engine.
pub(crate) struct Engine {
    app: Arc<App>,
}

impl Engine {
    pub(crate) const fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// The engine's settings (the wire contract, §1.1).
pub(crate) fn config() -> EngineIoConfig {
    let payload = usize::try_from(limits::SOCKET_PAYLOAD_BYTES).unwrap_or(usize::MAX);
    EngineIoConfig::builder()
        .req_path(PATH)
        .ping_interval(limits::PING_INTERVAL)
        .ping_timeout(limits::PING_TIMEOUT)
        .max_payload(limits::SOCKET_PAYLOAD_BYTES)
        .ws_max_message_size(payload)
        .ws_max_frame_size(payload)
        .ws_read_buffer_size(READ_BUFFER_BYTES)
        .max_buffer_size(BUFFER_PACKETS)
        .build()
}

impl EngineIoHandler for Engine {
    type Data = Connection;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Connection>>) {
        close_if_homeless(&self.app, &socket);
    }

    fn on_disconnect(&self, socket: Arc<Socket<Connection>>, _: DisconnectReason) {
        for client in socket.data.close() {
            depart(&self.app, &client);
        }
    }

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<Connection>>) {
        let packet = if socket.data.awaits_attachments() {
            Err(packet::Malformed)
        } else {
            Packet::decode(&text)
        };
        match packet {
            Ok(packet) => self.receive(packet, &socket),
            Err(packet::Malformed) => socket.close(DisconnectReason::PacketParsingError),
        }
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, socket: Arc<Socket<Connection>>) {
        match socket.data.attachment() {
            // No event of ours takes binary data: the placeholder stays in the payload and is of the wrong type there.
            Ok(Some(event)) if !event.skip => {
                self.event(
                    &socket,
                    event.namespace.as_str(),
                    event.ack,
                    event.data.as_str(),
                );
            }
            Ok(_) => {}
            Err(packet::Malformed) => socket.close(DisconnectReason::PacketParsingError),
        }
    }
}

impl Engine {
    fn receive(&self, packet: Packet, socket: &Arc<Socket<Connection>>) {
        match packet {
            Packet::Connect { namespace, auth } => self.connect(socket, &namespace, auth),
            Packet::Disconnect { namespace } => {
                if let Some(namespace) = Namespace::from_name(&namespace)
                    && let Some(client) = socket.data.leave(namespace)
                {
                    depart(&self.app, &client);
                    close_if_homeless(&self.app, socket);
                }
            }
            Packet::Event {
                namespace,
                ack,
                data,
                attachments: 0,
            } => self.event(socket, namespace.as_str(), ack, data.as_str()),
            Packet::Event {
                namespace,
                ack,
                data,
                attachments,
            } => socket.data.wait_for_attachments(Pending {
                namespace,
                ack,
                data,
                missing: attachments,
                skip: false,
            }),
            Packet::Ack { attachments: 0 } => {}
            Packet::Ack { attachments } => socket.data.wait_for_attachments(Pending {
                namespace: Str::from("/"),
                ack: None,
                data: Str::from(""),
                missing: attachments,
                skip: true,
            }),
        }
    }

    fn connect(&self, socket: &Arc<Socket<Connection>>, name: &Str, auth: Option<Str>) {
        let Some(namespace) = Namespace::from_name(name) else {
            let refused = packet::connect_error(name, "Invalid namespace");
            if socket.emit(refused).is_err() {
                socket.close(DisconnectReason::TransportError);
            }
            return;
        };
        // A second connect to the same namespace is a client's mistake, and harmless.
        if socket.data.reserve(namespace) {
            let (app, socket) = (Arc::clone(&self.app), Arc::clone(socket));
            self.app
                .tasks
                .spawn(async move { handshake::run(&app, &socket, namespace, auth).await });
        }
    }

    fn event(
        &self,
        socket: &Arc<Socket<Connection>>,
        namespace: &str,
        ack: Option<u64>,
        data: &str,
    ) {
        // Events for a namespace that the client is not in have nobody to answer them.
        if let Some(client) =
            Namespace::from_name(namespace).and_then(|namespace| socket.data.client(namespace))
        {
            events::receive(&self.app, &client, ack, data);
        }
    }
}

/// Takes a client off its connection that was sent out of its namespace.
pub(crate) fn forget(app: &Arc<App>, client: &Arc<Client>) {
    let (app, client) = (Arc::clone(app), Arc::clone(client));
    let tasks = app.tasks.clone();
    // Not here: whoever calls may hold the hub.
    tasks.spawn(async move {
        if let Some(engine) = client.engine() {
            engine.data.leave(client.namespace);
            close_if_homeless(&app, &engine);
        }
        depart(&app, &client);
    });
}

/// Sends a client out of its namespace, and forgets it.
pub(crate) fn dismiss(app: &Arc<App>, client: &Arc<Client>) {
    client.disconnect();
    forget(app, client);
}

/// A client is gone: nobody emits to it any more, others see it leave.
fn depart(app: &Arc<App>, client: &Arc<Client>) {
    let Some(changed) = app.hub.remove(client) else {
        return;
    };
    let watched: Vec<_> = client
        .take_watched()
        .into_iter()
        .filter(|watched| app.hub.unwatch(client, *watched))
        .collect();
    let (app_of_task, user, socket_id) = (Arc::clone(app), client.user_id, client.id.clone());
    app.tasks.spawn(async move {
        let user_left = changed.user.then_some(user);
        app_of_task
            .subscriptions
            .drop_unneeded(user_left, &changed.rooms)
            .await;
        for watched in watched {
            app_of_task
                .subscriptions
                .drop_unneeded(Some(watched), &[])
                .await;
        }
        presence::disconnected(app_of_task, user, socket_id).await;
    });
}

/// A connection without a namespace costs memory and does nothing.
fn close_if_homeless(app: &App, socket: &Arc<Socket<Connection>>) {
    if !socket.data.is_empty() {
        return;
    }
    let socket = Arc::downgrade(socket);
    let stop = app.stop.clone();
    app.tasks.spawn(async move {
        stop.run_until_cancelled(tokio::time::sleep(HOMELESS_LIMIT))
            .await;
        if let Some(socket) = socket.upgrade().filter(|socket| socket.data.is_empty()) {
            socket.close(DisconnectReason::TransportClose);
        }
    });
}
