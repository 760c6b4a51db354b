//! A gateway's life: connect, serve, drain, end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chat_backends::objects::Objects;
use chat_backends::postgres::{self, members, rooms, users};
use chat_backends::rabbitmq::publisher::Publisher;
use chat_backends::redis::Redis;
use chat_backends::redis::fanout_subscriber::FanoutSubscriber;
use chat_core::limits;
use chat_processor::context::Context;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::auth::Authenticator;
use crate::auth::accounts;
use crate::auth::jwt::AccessTokens;
use crate::auth::password::Passwords;
use crate::batched::Batched;
use crate::config::Config;
use crate::delivery::heads::{self, Heads};
use crate::delivery::late::{self, Late};
use crate::delivery::pump;
use crate::delivery::receipts::{self, Receipts};
use crate::delivery::subscriptions::Subscriptions;
use crate::dialects::facts::Facts;
use crate::dispatch::Dispatcher;
use crate::drain::{self, Drain};
use crate::health::{self, Health};
use crate::http::{listener, router};
use crate::metrics::Metrics;
use crate::monitoring::{self, Monitoring};
use crate::presence;
use crate::shedding::{self, Shedding};
use crate::sockets::expiry;
use crate::sockets::hub::Hub;
use crate::web::Web;

/// How long what is in flight may take after the last socket is closed.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How often the schema is looked at until it is current.
const SCHEMA_EVERY: Duration = Duration::from_secs(1);

/// Serves on `listener` until `stop`, then drains and returns.
///
/// Backends that are away at the start are waited for: the gateway is not ready until they are there.
///
/// # Errors
/// If a setting can't be used at all.
pub async fn run(
    config: Config,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (tasks, services) = (TaskTracker::new(), TaskTracker::new());
    let background = CancellationToken::new();
    let publishing = CancellationToken::new();
    let pg =
        postgres::connect(&config.postgres).context("the database's settings can't be used")?;
    let redis = Redis::open(&config.redis).context("the settings of Redis can't be used")?;
    let objects = Objects::open(&config.objects).context("files can't be stored")?;
    let publisher = Publisher::start(
        config.rabbitmq.clone(),
        config.job_keys.clone(),
        &config.gateway_id,
        &services,
        publishing.clone(),
    );
    let (subscriber, events) =
        FanoutSubscriber::start(&redis, &config.gateway_id, &services, background.clone());
    let context = Context {
        pg: pg.clone(),
        redis,
        policy: Arc::new(config.policy.clone()),
    };
    let metrics = Arc::new(Metrics::new());
    let hub = Arc::new(Hub::new(Arc::clone(&metrics)));
    let dispatcher = Dispatcher::new(
        publisher,
        context.clone(),
        config.on_broker_outage,
        Arc::clone(&metrics),
    );
    let heads = Arc::new(Heads::default());
    let (late, latecomers) = Late::new();
    let app = Arc::new(App {
        passwords: Passwords::new()
            .await
            .context("passwords can't be hashed")?,
        authenticator: Authenticator::new(
            AccessTokens::new(&config.tokens),
            batched(&pg, &tasks, &background, |pg, asked| async move {
                users::auth_states(&pg, &asked).await
            }),
        ),
        rooms_of: batched(&pg, &tasks, &background, |pg, users| async move {
            members::rooms_of_each(&pg, &users).await
        }),
        room_heads: batched(&pg, &tasks, &background, |pg, users| async move {
            rooms::heads_of_each(&pg, &users, limits::READY_ROOMS).await
        }),
        dispatcher: Arc::new(dispatcher),
        shedding: Arc::new(Shedding::new(config.shedding)),
        subscriptions: Subscriptions::new(subscriber, Arc::clone(&hub), Arc::clone(&heads)),
        web: Web::load(&config.web_root),
        objects,
        hub,
        metrics,
        context,
        config,
        receipts: Receipts::default(),
        facts: Facts::default(),
        late,
        heads,
        monitoring: Monitoring::default(),
        health: Health::default(),
        drain: Drain::default(),
        tasks: tasks.clone(),
        stop: background.clone(),
    });

    tasks.spawn(pump::run(Arc::clone(&app), events, background.clone()));
    tasks.spawn(late::run(Arc::clone(&app), latecomers, background.clone()));
    tasks.spawn(receipts::run(Arc::clone(&app), background.clone()));
    tasks.spawn(heads::run(Arc::clone(&app), background.clone()));
    tasks.spawn(presence::keep(Arc::clone(&app), background.clone()));
    tasks.spawn(expiry::run(Arc::clone(&app), background.clone()));
    tasks.spawn(make_admin(Arc::clone(&app), background.clone()));
    tasks.spawn(monitoring::run(Arc::clone(&app), background.clone()));
    tasks.spawn(shedding::sample(
        Arc::clone(&app.shedding),
        Arc::clone(&app.dispatcher),
        Arc::clone(&app.metrics),
        background.clone(),
    ));

    let closing = CancellationToken::new();
    let serving = listener::serve(
        listener,
        router::service(&app),
        &tasks,
        closing.clone(),
        closing.clone(),
    );
    let draining = async {
        stop.cancelled().await;
        app.drain.start();
        drain::sockets(&app).await;
        closing.cancel();
    };
    tokio::join!(serving, draining);

    // What is being answered needs the publisher, so that stops when nothing else runs.
    background.cancel();
    tasks.close();
    if tokio::time::timeout(LAST_ANSWERS, tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            tasks = tasks.len(),
            "some answers were not finished in time"
        );
    }
    publishing.cancel();
    services.close();
    services.wait().await;
    app.context.pg.close().await;
    Ok(())
}

/// Look-ups in the database that many clients make at one moment.
fn batched<K, V, F, Q>(
    pg: &PgPool,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    query: F,
) -> Batched<K, V>
where
    K: Send + 'static,
    V: Send + 'static,
    F: Fn(PgPool, Vec<K>) -> Q + Send + 'static,
    Q: Future<Output = Result<Vec<V>, sqlx::Error>> + Send + 'static,
{
    let pg = pg.clone();
    Batched::start(tasks, stop.clone(), move |keys| query(pg.clone(), keys))
}

/// Makes the first admin once the schema is there.
async fn make_admin(app: Arc<App>, stop: CancellationToken) {
    let Some(admin) = app.config.admin.clone() else {
        return;
    };
    let made = async {
        loop {
            if health::schema_is_current(&app).await {
                match accounts::ensure_admin(&app, &admin.email, &admin.password).await {
                    Ok(()) => return,
                    Err(refusal) => {
                        tracing::warn!(code = %refusal.code, "the first admin was not made; trying again")
                    }
                }
            }
            tokio::time::sleep(SCHEMA_EVERY).await;
        }
    };
    stop.run_until_cancelled(made).await;
}
