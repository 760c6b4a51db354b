//! Whether this gateway can do its work. Asked by Kubernetes and by people, answered by trying.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_backends::postgres;
use serde::Serialize;

use crate::app::App;
use crate::config::OnBrokerOutage;

/// How long one dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is remembered between two questions.
#[derive(Default)]
pub(crate) struct Health {
    /// Migrations only add, so a schema that was current once stays so.
    schema_is_current: AtomicBool,
}

/// The state of everything this gateway needs.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    status: &'static str,
    info: Details,
    error: Details,
    details: Details,
}

type Details = BTreeMap<&'static str, Detail>;

#[derive(Debug, Clone, Serialize)]
struct Detail {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

impl Report {
    /// Whether the answer is 200.
    pub(crate) fn is_ok(&self) -> bool {
        self.status == "ok"
    }

    fn of(checks: [(&'static str, Result<(), &'static str>); 3]) -> Self {
        let details: Details = checks
            .into_iter()
            .map(|(name, result)| {
                let (status, message) = match result {
                    Ok(()) => ("up", None),
                    Err(message) => ("down", Some(message)),
                };
                (name, Detail { status, message })
            })
            .collect();
        let (info, error): (Details, Details) = details
            .clone()
            .into_iter()
            .partition(|(_, detail)| detail.status == "up");
        Self {
            status: if error.is_empty() { "ok" } else { "error" },
            info,
            error,
            details,
        }
    }
}

/// Everything must be up.
pub(crate) async fn check(app: &App) -> Report {
    let (database, redis) = tokio::join!(database(app), redis(app));
    Report::of([
        ("database", database),
        ("redis", redis),
        ("rabbitmq", rabbitmq(app)),
    ])
}

/// Whether requests should come here: not while draining or migrating. A broker that is away does not count where the
/// gateway does the jobs itself meanwhile.
pub(crate) async fn readiness(app: &App) -> Report {
    let mut report = check(app).await;
    let only_the_broker = report.error.len() == 1 && report.error.contains_key("rabbitmq");
    if only_the_broker && app.config.on_broker_outage == OnBrokerOutage::Direct {
        report.status = "ok";
    }
    let reason = if app.drain.is_draining() {
        Some("draining")
    } else if report.info.contains_key("database") && !schema_is_current(app).await {
        Some("migrating")
    } else {
        None
    };
    if let Some(reason) = reason {
        report.status = "error";
        let detail = Detail {
            status: "down",
            message: Some(reason),
        };
        report.error.insert("gateway", detail.clone());
        report.details.insert("gateway", detail);
    }
    report
}

/// Whether the database has every migration that this version needs.
pub(crate) async fn schema_is_current(app: &App) -> bool {
    if app.health.schema_is_current.load(Ordering::Relaxed) {
        return true;
    }
    let current = within(postgres::schema_is_current(&app.context.pg)).await == Some(true);
    if current {
        app.health.schema_is_current.store(true, Ordering::Relaxed);
    }
    current
}

async fn database(app: &App) -> Result<(), &'static str> {
    within(postgres::ping(&app.context.pg))
        .await
        .ok_or("no answer")
}

/// A gateway whose subscription is dead delivers nothing, however well Redis answers.
async fn redis(app: &App) -> Result<(), &'static str> {
    within(app.context.redis.ping()).await.ok_or("no answer")?;
    if app.subscriptions.is_healthy() {
        Ok(())
    } else {
        Err("the fan-out subscription is not working")
    }
}

fn rabbitmq(app: &App) -> Result<(), &'static str> {
    if app.dispatcher.publisher().is_healthy() {
        Ok(())
    } else {
        Err("not connected, or blocked by an alarm")
    }
}

async fn within<T, E: std::fmt::Display>(check: impl Future<Output = Result<T, E>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a health check failed");
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_lists_what_is_up_and_what_is_down() {
        let report = Report::of([
            ("database", Ok(())),
            ("redis", Err("no answer")),
            ("rabbitmq", Ok(())),
        ]);
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            serde_json::json!({
                "status": "error",
                "info": {"database": {"status": "up"}, "rabbitmq": {"status": "up"}},
                "error": {"redis": {"status": "down", "message": "no answer"}},
                "details": {
                    "database": {"status": "up"}, "rabbitmq": {"status": "up"},
                    "redis": {"status": "down", "message": "no answer"}
                }
            })
        );
    }
}
