//! Running a processor: the workers and their small HTTP side, until it is told to stop.

use std::sync::Arc;

use chat_backends::objects::Objects;
use chat_backends::postgres;
use chat_backends::redis::Redis;
use chat_backends::redis::heartbeat::Heartbeats;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::ProcessorConfig;
use crate::context::{Context, Policy};
use crate::exports;
use crate::groups;
use crate::housekeeping;
use crate::http::{self, HttpState};
use crate::outbox;
use crate::push::client::Client;
use crate::push::endpoint::Reach;
use crate::push::sender::Sender;
use crate::push::vapid::Vapid;
use crate::worker::health::Health;
use crate::worker::ladder::Ladder;
use crate::worker::metrics::WorkerMetrics;
use crate::worker::{DEAD_AFTER, Worker};

/// Works until `stop`; then finishes what is in hand, for at most the drain window, and returns.
///
/// # Errors
/// If the HTTP side fails, or a backend's settings can't be used. A backend that is away is waited for.
pub async fn run(
    config: ProcessorConfig,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let context = Context {
        pg: postgres::connect(&config.postgres)?,
        redis: Redis::open(&config.redis)?,
        policy: Arc::new(Policy::default()),
    };
    let objects = Arc::new(Objects::open(&config.objects)?);
    let mut registry = Registry::default();
    let metrics = WorkerMetrics::default();
    metrics.register(&mut registry);
    let health = Health::default();
    let ladder = Ladder::new(config.rabbitmq.max_retries);
    let rabbitmq = Arc::new(config.rabbitmq);
    let name: Arc<str> = config.name.into();
    let groups = groups::run(
        context.pg.clone(),
        Arc::clone(&rabbitmq),
        Arc::clone(&name),
        stop.clone(),
    );
    let outbox = outbox::run(
        context.pg.clone(),
        Arc::clone(&rabbitmq),
        Arc::clone(&name),
        stop.clone(),
    );
    let notifying = notify(context.clone(), config.vapid, stop.clone());
    let worker = Worker {
        context: context.clone(),
        rabbitmq,
        job_keys: config.job_keys,
        name,
        heartbeats: Heartbeats::processors(DEAD_AFTER),
        ladder,
        metrics,
        health: health.clone(),
    };
    let router = http::router(HttpState {
        health: health.clone(),
        registry: Arc::new(registry),
    });

    // The probes must be answered to the end, so the HTTP side stops after the workers.
    let served = CancellationToken::new();
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(served.clone().cancelled_owned());
    let draining = async {
        stop.cancelled().await;
        health.drain();
    };
    let working = async {
        tokio::join!(
            worker.run(stop.clone(), config.drain_window),
            groups,
            housekeeping::keep(context.clone(), Arc::clone(&objects), stop.clone()),
            exports::keep(context.clone(), objects, stop.clone()),
            outbox,
            notifying,
            draining
        );
        tracing::info!("stopped");
        served.cancel();
    };
    let (served, ()) = tokio::join!(serving.into_future(), working);
    context.pg.close().await;
    Ok(served?)
}

/// Sends notifications until `stop`, if there is a key for it.
async fn notify(context: Context, vapid: Option<Vapid>, stop: CancellationToken) {
    let Some(vapid) = vapid else {
        return;
    };
    match Client::new(Reach::Public) {
        Ok(client) => {
            let sender = Sender {
                context,
                vapid,
                client,
            };
            sender.run(stop).await;
        }
        Err(error) => tracing::error!(%error, "nobody is notified: TLS can't be set up"),
    }
}
