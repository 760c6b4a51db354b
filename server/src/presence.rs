//! Sockets that come and go, as others see it: online with the first, offline five seconds after the last.

use std::sync::Arc;
use std::time::Duration;

use chat_backends::redis::heartbeat::Heartbeats;
use chat_backends::redis::{fanout_publisher, presence};
use chat_core::fanout::Fanout;
use chat_core::ids::UserId;
use chat_core::job::Act;
use chat_core::protocol::objects::PresenceStatus;
use chat_core::{limits, names};
use chat_processor::actor::Actor;
use serde_json::value::RawValue;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::announce;
use crate::app::App;
use crate::sockets::client::Client;

/// Gateways tell each other that a socket is one too many.
pub(crate) const EVICT: &str = "control.evict";

/// How often this gateway vouches for its sockets.
const BEAT_EVERY: Duration = Duration::from_secs(5);

/// A client came.
pub(crate) async fn connected(app: &Arc<App>, client: &Client) {
    let gateway = &app.config.gateway_id;
    match presence::connect(&app.context.redis, client.user_id, gateway, &client.id).await {
        Ok(connected) => {
            if connected.came_online {
                tell(app, client.user_id, PresenceStatus::Online);
            }
            evict(app, client.user_id, &connected.evicted).await;
        }
        Err(error) => tracing::warn!(%error, "a socket's presence was not noted"),
    }
}

/// A client went.
pub(crate) async fn disconnected(app: Arc<App>, user: UserId, socket_id: String) {
    let gateway = &app.config.gateway_id;
    match presence::disconnect(&app.context.redis, user, gateway, &socket_id).await {
        Ok(true) => {
            if app
                .stop
                .run_until_cancelled(tokio::time::sleep(limits::OFFLINE_GRACE))
                .await
                .is_some()
            {
                expire(&app, user).await;
            }
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "a socket's end was not noted"),
    }
}

async fn expire(app: &Arc<App>, user: UserId) {
    match presence::expire(&app.context.redis, user).await {
        Ok(true) => tell(app, user, PresenceStatus::Offline),
        Ok(false) => {}
        // The sweep of the online list will find it.
        Err(error) => tracing::warn!(%error, "a user's going offline was not noted"),
    }
}

/// Tells the contacts, by the low queue.
fn tell(app: &Arc<App>, user: UserId, status: PresenceStatus) {
    let actor = Actor {
        user_id: user,
        session_id: None,
        socket_id: None,
        ip: None,
        gateway_id: Arc::clone(&app.config.gateway_id),
    };
    let act = Act::SetPresence {
        status,
        activity: None,
        chosen: false,
    };
    announce::spawn(Arc::clone(app), actor.job(None, act));
}

/// Closes sockets beyond the limit, here or wherever they are.
async fn evict(app: &App, user: UserId, entries: &[String]) {
    let broadcasts: Vec<_> = entries
        .iter()
        .filter_map(|entry| {
            let (_, socket) = entry.rsplit_once(':')?;
            let fanout = Fanout {
                event: EVICT.to_owned(),
                data: RawValue::NULL.to_owned(),
                only_socket: Some(socket.to_owned()),
                except_socket: None,
                except_user: None,
                origin_socket: None,
                since_ms: None,
                traceparent: None,
            };
            Some(fanout_publisher::Broadcast {
                channel: names::fanout_user(user),
                payload: serde_json::to_string(&fanout).ok()?,
            })
        })
        .collect();
    if broadcasts.is_empty() {
        return;
    }
    if let Err(error) = fanout_publisher::publish(&app.context.redis, &broadcasts).await {
        tracing::warn!(%error, "a user has more sockets than allowed");
    }
}

/// Lists every socket again: this gateway was off the list, so others may have swept its sockets away, or Redis lost them.
async fn restore(app: &Arc<App>) {
    let clients = app.hub.clients();
    let sockets: Vec<(UserId, String)> = clients
        .iter()
        .map(|client| (client.user_id, client.id.clone()))
        .collect();
    match presence::restore(&app.context.redis, &app.config.gateway_id, &sockets).await {
        Ok(back) => back
            .into_iter()
            .for_each(|user| tell(app, user, PresenceStatus::Online)),
        Err(error) => {
            tracing::warn!(%error, "this gateway's sockets were not listed again");
            // Off the list once more, so that the next beat tries again.
            let gateways = Heartbeats::gateways(presence::GATEWAY_TIMEOUT);
            let left = gateways
                .leave(&app.context.redis, &app.config.gateway_id)
                .await;
            if let Err(error) = left {
                tracing::debug!(%error, "the list of gateways could not be changed either");
            }
        }
    }
    // Who left meanwhile was listed for good by the loop above.
    for client in clients {
        if !app.hub.has_client(&client) {
            let gone = disconnected(Arc::clone(app), client.user_id, client.id.clone());
            app.tasks.spawn(gone);
        }
    }
}

/// Vouches for this gateway's sockets, and sweeps up after gateways that were killed, until `stop`.
pub(crate) async fn keep(app: Arc<App>, stop: CancellationToken) {
    let heartbeats = Heartbeats::gateways(presence::GATEWAY_TIMEOUT);
    let mut beats = tokio::time::interval(BEAT_EVERY);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweeps = tokio::time::interval(presence::TRIM_EVERY);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = beats.tick() => {
                match heartbeats.beat_or_rejoin(&app.context.redis, &app.config.gateway_id).await {
                    Ok(rejoined) => {
                        if rejoined {
                            restore(&app).await;
                        }
                        app.dispatcher.redis_is_there();
                    }
                    Err(error) => {
                        tracing::warn!(%error, "this gateway could not vouch for its sockets");
                        let dispatcher = Arc::clone(&app.dispatcher);
                        // The next beat does not wait for Postgres.
                        app.tasks.spawn(async move { dispatcher.redis_is_away().await });
                    }
                }
            }
            _ = sweeps.tick() => match presence::trim(&app.context.redis).await {
                Ok(gone) => gone.into_iter().for_each(|user| tell(&app, user, PresenceStatus::Offline)),
                Err(error) => tracing::warn!(%error, "the online list was not swept"),
            },
        }
    }
    if let Err(error) = heartbeats
        .leave(&app.context.redis, &app.config.gateway_id)
        .await
    {
        tracing::debug!(%error, "this gateway did not sign off");
    }
}
