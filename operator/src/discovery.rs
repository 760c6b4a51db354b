//! What the API server offers beyond the core: looked at now and then, because people install things later.

use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::kinds::Kind;
use crate::resolve::{Capabilities, ExternalMetricsOwner};

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(30);

/// Keeps the capabilities up to date until `stop`; `found` is called once for each optional kind that turns up.
pub async fn run(
    client: Client,
    mut api_owner: watch::Receiver<ExternalMetricsOwner>,
    capabilities: watch::Sender<Capabilities>,
    found: impl Fn(Kind),
    stop: CancellationToken,
) {
    let mut known: Vec<Kind> = Vec::new();
    let mut watched: Vec<Kind> = Vec::new();
    loop {
        for kind in Kind::OPTIONAL {
            match (known.contains(&kind), is_served(&client, kind).await) {
                (false, Some(true)) => {
                    tracing::info!(
                        kind = kind.as_str(),
                        "The cluster knows this optional kind."
                    );
                    known.push(kind);
                    // A watch that was started once goes on when the kind comes back.
                    if !watched.contains(&kind) {
                        watched.push(kind);
                        found(kind);
                    }
                }
                (true, Some(false)) => {
                    tracing::info!(
                        kind = kind.as_str(),
                        "The cluster no longer knows this optional kind."
                    );
                    known.retain(|one| *one != kind);
                }
                (_, _) => {}
            }
        }
        let present = Capabilities {
            prometheus_operator: known.contains(&Kind::PodMonitor),
            keda: known.contains(&Kind::ScaledObject),
            external_metrics: *api_owner.borrow_and_update(),
        };
        capabilities.send_if_modified(|capabilities| {
            let changed = *capabilities != present;
            *capabilities = present;
            changed
        });
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            Ok(()) = api_owner.changed() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// `None` where the API server did not say: what was known then still holds.
async fn is_served(client: &Client, kind: Kind) -> Option<bool> {
    let resource = kind.resource();
    match client.list_api_group_resources(&resource.api_version).await {
        Ok(list) => Some(
            list.resources
                .iter()
                .any(|offered| offered.name == resource.plural),
        ),
        Err(kube::Error::Api(status)) if status.code == 404 => Some(false),
        Err(_) => None,
    }
}
